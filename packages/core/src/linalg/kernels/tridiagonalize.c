// Half of the work is products of the trailing matrix with one vector, the other half rank-2k updates by gemm:
// a panel of columns is reduced while the trailing matrix waits, A ← A − Vᵀ W − Wᵀ V brings it up to date.
//
// Source: Dongarra, Hammarling & Sorensen (1989), Block reduction of matrices to condensed forms; LAPACK's dsytrd.
#include "tridiagonalize.h"
#include "gemm.h"
#include "heap.h"
#include "reflector.h"
#include "simd.h"

enum { PANEL = 32, BACK_BLOCK = 64 };

/** Four rows of the upper triangle at once: their part of y = A x, and by symmetry that of their columns. */
static void multiplyRows(const double *a, int n, int stride, int r, const double *x, double *y) {
  const double *a0 = a + r * stride, *a1 = a0 + stride, *a2 = a1 + stride, *a3 = a2 + stride;
  const pair x0 = both(x[r]), x1 = both(x[r + 1]), x2 = both(x[r + 2]), x3 = both(x[r + 3]);
  pair s0 = both(0), s1 = both(0), s2 = both(0), s3 = both(0);
  int j = r + 4;
  for (; j + 2 <= n; j += 2) {
    const pair xj = loadPair(x + j);
    const pair p0 = loadPair(a0 + j), p1 = loadPair(a1 + j), p2 = loadPair(a2 + j), p3 = loadPair(a3 + j);
    s0 += p0 * xj;
    s1 += p1 * xj;
    s2 += p2 * xj;
    s3 += p3 * xj;
    storePair(y + j, loadPair(y + j) + ((p0 * x0 + p1 * x1) + (p2 * x2 + p3 * x3)));
  }
  double t0 = sumOf(s0), t1 = sumOf(s1), t2 = sumOf(s2), t3 = sumOf(s3);
  if (j < n) {
    t0 += a0[j] * x[j];
    t1 += a1[j] * x[j];
    t2 += a2[j] * x[j];
    t3 += a3[j] * x[j];
    y[j] += (a0[j] * x[r] + a1[j] * x[r + 1]) + (a2[j] * x[r + 2] + a3[j] * x[r + 3]);
  }
  y[r] += t0;
  y[r + 1] += t1;
  y[r + 2] += t2;
  y[r + 3] += t3;
}

/** The part of y = A x within rows and columns r … end − 1. */
static void multiplyCorner(const double *a, int stride, int r, int end, const double *x, double *y) {
  for (int i = r; i < end; i++) {
    y[i] += a[i * stride + i] * x[i];
    for (int j = i + 1; j < end; j++) {
      y[i] += a[i * stride + j] * x[j];
      y[j] += a[i * stride + j] * x[i];
    }
  }
}

/** y = A x from the upper triangle of A [n, n]. */
static void symmetricTimesVector(const double *a, int n, int stride, const double *x, double *y) {
  zero(y, n);
  int r = 0;
  for (; r + 4 <= n; r += 4) {
    multiplyCorner(a, stride, r, r + 4, x, y);
    multiplyRows(a, n, stride, r, x, y);
  }
  multiplyCorner(a, stride, r, n, x, y);
}

/** w ← τ (A v − Vᵀ (W v) − Wᵀ (V v)), then w ← w − ½ τ (w·v) v; over the m entries from column c + 1 on. */
static void companion(int n, const double *a, int first, int c, double tau, const double *w, double *to) {
  const int at = c + 1, m = n - at;
  const double *v = a + c * n + at;
  double *wc = to + at;
  symmetricTimesVector(a + at * n + at, m, n, v, wc);
  for (int p = first; p < c; p++) {
    const double *vp = a + p * n + at, *wp = w + (p - first) * n + at;
    const double alongW = dot(wp, v, m), alongV = dot(vp, v, m);
    axpy(-alongW, vp, wc, m);
    axpy(-alongV, wp, wc, m);
  }
  scaleBy(tau, wc, m);
  axpy(-0.5 * tau * dot(wc, v, m), v, wc, m);
}

/** Brings row c of A up to date with the panel's reflections so far. */
static void refreshRow(int n, double *a, int first, int c, const double *w) {
  for (int p = first; p < c; p++) {
    const double *vp = a + p * n, *wp = w + (p - first) * n;
    const double vc = vp[c], wcp = wp[c];
    axpy(-wcp, vp + c, a + c * n + c, n - c);
    axpy(-vc, wp + c, a + c * n + c, n - c);
  }
}

/** The trailing matrix from row `next` on: A ← A − [V; W]ᵀ [W; V]. */
static void updateTrailing(int n, double *a, int first, int next, const double *w) {
  const size_t mark = heapMark();
  const int width = next - first, m = n - next;
  double *left = heapDoubles(2 * width * m), *right = heapDoubles(2 * width * m);
  for (int p = 0; p < width; p++) {
    const double *v = a + (first + p) * n + next, *wp = w + p * n + next;
    copy(v, left + p * m, m);
    copy(wp, left + (width + p) * m, m);
    copy(wp, right + p * m, m);
    copy(v, right + (width + p) * m, m);
  }
  gemm(m, m, 2 * width, -1, transposed(left, m), plain(right, m), a + next * n + next, n, UPPER);
  heapRelease(mark);
}

void tridiagonalize(int n, double *a, double *diagonal, double *coupling, double *tau) {
  const size_t mark = heapMark();
  double *w = heapDoubles(PANEL * n);
  for (int first = 0; first < n; first += PANEL) {
    const int next = smallerInt(first + PANEL, n);
    for (int c = first; c < next; c++) {
      refreshRow(n, a, first, c, w);
      diagonal[c] = a[c * n + c];
      if (c == n - 1) break;
      coupling[c] = reflector(a + c * n + c + 1, n - c - 1, tau + c);
      companion(n, a, first, c, tau[c], w, w + (c - first) * n);
    }
    if (next < n) updateTrailing(n, a, first, next, w);
  }
  heapRelease(mark);
}

void backTransform(int n, const double *reflections, const double *tau, double *rows) {
  const size_t mark = heapMark();
  double *v = heapDoubles(BACK_BLOCK * n), *t = heapDoubles(BACK_BLOCK * BACK_BLOCK);
  const int last = n - 2; // the last reflection
  for (int first = last / BACK_BLOCK * BACK_BLOCK; first >= 0 && last >= 0; first -= BACK_BLOCK) {
    const int count = smallerInt(BACK_BLOCK, last + 1 - first), at = first + 1, width = n - at;
    zero(v, count * width);
    for (int p = 0; p < count; p++) copy(reflections + (first + p) * n + at + p, v + p * width + p, width - p);
    compactReflectors(v, count, width, tau + first, t);
    applyReflectors(rows + at, n, n, v, count, width, t, 0);
  }
  heapRelease(mark);
}
