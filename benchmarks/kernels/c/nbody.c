#include "common.h"
/* planar-ish 5 body gravity, leapfrog; constants are made up */
typedef struct { f64 x,y,z,vx,vy,vz,m; } B;
static B b[5];
static void init(s32 s){
  for (s32 i = 0; i < 5; i++){ f64 k = i + 1; b[i].x = k*1.5; b[i].y = k*k*0.25 - 2.0; b[i].z = 0.1*k; b[i].vx = 0.3 - 0.1*k; b[i].vy = 0.05*k + s*0.001; b[i].vz = 0.01*k; b[i].m = 4.0/(k*k); }
}
NOINLINE static void step(f64 dt){
  for (s32 i = 0; i < 5; i++) for (s32 j = i+1; j < 5; j++){
    f64 dx = b[i].x-b[j].x, dy = b[i].y-b[j].y, dz = b[i].z-b[j].z;
    f64 d2 = dx*dx + dy*dy + dz*dz + 0.01;
    f64 mag = dt/(d2*__builtin_sqrt(d2));
    f64 mi = b[i].m*mag, mj = b[j].m*mag;
    b[i].vx -= dx*mj; b[i].vy -= dy*mj; b[i].vz -= dz*mj;
    b[j].vx += dx*mi; b[j].vy += dy*mi; b[j].vz += dz*mi;
  }
  for (s32 i = 0; i < 5; i++){ b[i].x += dt*b[i].vx; b[i].y += dt*b[i].vy; b[i].z += dt*b[i].vz; }
}
EXPORT(run) f64 run(s32 reps){
  f64 a = 0;
  for (s32 i = 0; i < reps; i++){ init(i & 15); for (s32 k = 0; k < 80; k++) step(0.01); f64 e = 0; for (s32 k = 0; k < 5; k++) e += b[k].m*(b[k].vx*b[k].vx + b[k].vy*b[k].vy); a = a*0.5 + e; }
  return a;
}
