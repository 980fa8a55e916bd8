// All kernels as one unit, so that the compiler sees across them, and what the host may call.
//
// Matrices are row-major and dense. Every pointer is into memory that the host reserved by doubles().
#include "heap.c"
#include "gemm.c"
#include "reflector.c"
#include "tridiagonalize.c"
#include "secular.c"
#include "divide.c"
#include "eigh.c"
#include "triangular.c"
#include "cholesky.c"
#include "qr.c"
#include "svd.c"

/** C [m, n] += op(A) [m, k] · op(B) [k, n]; op transposes where the flag is 1. */
EXPORT(multiply) int exportMultiply(int m, int n, int k, int flipA, int flipB, const double *a, const double *b, double *c) {
  gemm(m, n, k, 1, flipA ? transposed(a, m) : plain(a, k), flipB ? transposed(b, k) : plain(b, n), c, n, ALL);
  return 0;
}

/** G [n, n] += Xᵀ X, or X Xᵀ if `byRows`; n is the side of G, m the length of the sums. */
EXPORT(gram) int exportGram(int n, int m, int byRows, const double *x, double *g) {
  if (byRows) gemm(n, n, m, 1, plain(x, m), transposed(x, m), g, n, UPPER);
  else gemm(n, n, m, 1, transposed(x, n), plain(x, n), g, n, UPPER);
  for (int i = 0; i < n; i++) {
    for (int j = i + 1; j < n; j++) g[j * n + i] = g[i * n + j];
  }
  return 0;
}

/** to [n, m] ← from [m, n] transposed, in tiles so that both sides stay in cache. */
static void flipInto(int m, int n, const double *from, double *to) {
  enum { SIDE = 16 };
  for (int i0 = 0; i0 < m; i0 += SIDE) {
    for (int j0 = 0; j0 < n; j0 += SIDE) {
      const int iEnd = smallerInt(i0 + SIDE, m), jEnd = smallerInt(j0 + SIDE, n);
      for (int i = i0; i < iEnd; i++) {
        for (int j = j0; j < jEnd; j++) to[j * m + i] = from[i * n + j];
      }
    }
  }
}

/** λ [n] and V [n, n], eigenvectors in columns. A is destroyed. */
EXPORT(eigh) int exportEigh(int n, double *a, double *values, double *vectors) {
  const size_t mark = heapMark();
  double *rows = heapDoubles(n * n);
  const int failed = eigh(n, a, values, rows);
  flipInto(n, n, rows, vectors);
  heapRelease(mark);
  return failed;
}

/** L replaces A, with zeros above its diagonal. −1, or the pivot that was not positive. */
EXPORT(cholesky) int exportCholesky(int n, double *a) {
  for (int i = 0; i < n; i++) zero(a + i * n + i + 1, n - i - 1);
  const int failedAt = cholesky(n, a, n);
  for (int i = 0; i < n; i++) zero(a + i * n + i + 1, n - i - 1);
  return failedAt;
}

/** X [n, n] ← (L Lᵀ)⁻¹ */
EXPORT(choleskyInverse) int exportCholeskyInverse(int n, const double *l, double *x) {
  choleskyInverse(n, l, x);
  return 0;
}

/** B [n, k] ← L⁻¹ B, or L⁻ᵀ B if `flip`. */
EXPORT(solveTriangular) int exportSolveTriangular(int n, int k, int flip, const double *l, double *b) {
  if (flip) solveLowerTransposed(n, k, l, n, b, k);
  else solveLower(n, k, l, n, b, k);
  return 0;
}

/** A [m, n] → Q [m, p] and R [p, n], p = min(m, n). */
EXPORT(qr) int exportQr(int m, int n, const double *a, double *q, double *r) {
  const size_t mark = heapMark();
  const int p = smallerInt(m, n);
  double *rows = heapDoubles(m * n), *tau = heapDoubles(p), *columns = heapDoubles(p * m);
  flipInto(m, n, a, rows);
  qrFactor(m, n, rows, tau);
  qrColumns(m, p, rows, tau, p, columns);
  flipInto(p, m, columns, q);
  for (int i = 0; i < p; i++) {
    for (int j = 0; j < n; j++) r[i * n + j] = j < i ? 0 : rows[j * m + i];
  }
  heapRelease(mark);
  return 0;
}

/** A [m, n], m ≥ n → σ [n], U [m, n], V [n, n]. */
EXPORT(svd) int exportSvd(int m, int n, const double *a, double *values, double *u, double *v) {
  const size_t mark = heapMark();
  double *rows = heapDoubles(m * n), *left = heapDoubles(n * m), *right = heapDoubles(n * n);
  flipInto(m, n, a, rows);
  const int failed = svd(m, n, rows, values, left, right);
  flipInto(n, m, left, u);
  flipInto(n, n, right, v);
  heapRelease(mark);
  return failed;
}
