// Two doubles at a time, and the loops over contiguous vectors that everything else is made of.
#pragma once

typedef double pair __attribute__((vector_size(16), aligned(8), may_alias));

static inline pair loadPair(const double *x) { return *(const pair *)x; }
static inline void storePair(double *x, pair v) { *(pair *)x = v; }
static inline pair both(double x) { return (pair){x, x}; }
static inline double sumOf(pair v) { return v[0] + v[1]; }

static inline double absolute(double x) { return __builtin_fabs(x); }
static inline double squareRoot(double x) { return __builtin_sqrt(x); }
static inline double larger(double a, double b) { return a > b ? a : b; }
static inline int smallerInt(int a, int b) { return a < b ? a : b; }
static inline double withSign(double size, double sign) { return __builtin_copysign(size, sign); }

#define EPSILON 2.220446049250313e-16

/** A power of two near 1 / size, to scale by so that no square over- or underflows; 0 for 0. */
static inline double powerNear(double size) {
  if (size == 0) return 0;
  double scale = 1;
  while (size * scale >= 2 && scale > 1e-290) scale *= 0.5;
  while (size * scale < 1 && scale < 1e307) scale *= 2;
  return scale;
}

/** Σ xᵢ yᵢ */
static inline double dot(const double *x, const double *y, int n) {
  pair s0 = both(0), s1 = both(0), s2 = both(0), s3 = both(0);
  int i = 0;
  for (; i + 8 <= n; i += 8) {
    s0 += loadPair(x + i) * loadPair(y + i);
    s1 += loadPair(x + i + 2) * loadPair(y + i + 2);
    s2 += loadPair(x + i + 4) * loadPair(y + i + 4);
    s3 += loadPair(x + i + 6) * loadPair(y + i + 6);
  }
  double rest = 0;
  for (; i < n; i++) rest += x[i] * y[i];
  return sumOf((s0 + s1) + (s2 + s3)) + rest;
}

/** y += a x */
static inline void axpy(double a, const double *x, double *y, int n) {
  const pair aa = both(a);
  int i = 0;
  for (; i + 4 <= n; i += 4) {
    storePair(y + i, loadPair(y + i) + aa * loadPair(x + i));
    storePair(y + i + 2, loadPair(y + i + 2) + aa * loadPair(x + i + 2));
  }
  for (; i < n; i++) y[i] += a * x[i];
}

/** x *= a */
static inline void scaleBy(double a, double *x, int n) {
  for (int i = 0; i < n; i++) x[i] *= a;
}

/** (x, y) ← (c x − s y, s x + c y) */
static inline void rotate(double *x, double *y, double c, double s, int n) {
  const pair cc = both(c), ss = both(s);
  int i = 0;
  for (; i + 2 <= n; i += 2) {
    const pair f = loadPair(x + i), g = loadPair(y + i);
    storePair(x + i, cc * f - ss * g);
    storePair(y + i, ss * f + cc * g);
  }
  for (; i < n; i++) {
    const double f = x[i], g = y[i];
    x[i] = c * f - s * g;
    y[i] = s * f + c * g;
  }
}

static inline void copy(const double *from, double *to, int n) { __builtin_memcpy(to, from, (unsigned)n * sizeof(double)); }
static inline void zero(double *x, int n) { __builtin_memset(x, 0, (unsigned)n * sizeof(double)); }
