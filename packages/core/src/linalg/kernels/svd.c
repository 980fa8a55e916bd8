// One-sided Jacobi finds singular values to high relative accuracy, but needs many sweeps from a cold start. The
// eigenvectors of AᵀA, from the fast eigensolver, are a warm start: A V has columns that are orthogonal already, up to
// ε σ₁² / (σᵢ σⱼ), and one or two sweeps make up what the squaring lost.
//
// Source: Hestenes (1958); de Rijk (1989), A one-sided Jacobi algorithm, SIAM J. Sci. Stat. Comput. 10(2).
#include "svd.h"
#include "eigh.h"
#include "gemm.h"
#include "heap.h"
#include "qr.h"
#include "simd.h"

enum { MAX_JACOBI_SWEEPS = 40 };

/** Σ bᵢ², where a row no longer than `least` counts as rounding and becomes zero. */
static double square(double *b, int m, double least) {
  const double sum = dot(b, b, m);
  if (sum > least * least) return sum;
  zero(b, m);
  return 0;
}

/** One sweep over all pairs of rows of b [n, m]; the same rotations on v [n, n]. Returns how many were needed. */
static int jacobiSweep(int m, int n, double *b, double *v, double *squares, double least) {
  const double tolerance = EPSILON * (2 + squareRoot(m));
  int rotations = 0;
  for (int i = 0; i < n; i++) squares[i] = square(b + i * m, m, least);
  for (int i = 0; i < n - 1; i++) {
    for (int j = i + 1; j < n; j++) {
      const double along = dot(b + i * m, b + j * m, m);
      if (!(absolute(along) > tolerance * squareRoot(squares[i]) * squareRoot(squares[j]))) continue;
      const double zeta = (squares[j] - squares[i]) / (2 * along);
      const double t = withSign(1 / (absolute(zeta) + squareRoot(1 + zeta * zeta)), zeta);
      const double c = 1 / squareRoot(1 + t * t), s = c * t;
      rotate(b + i * m, b + j * m, c, s, m);
      rotate(v + i * n, v + j * n, c, s, n);
      squares[i] = square(b + i * m, m, least);
      squares[j] = square(b + j * m, m, least);
      rotations++;
    }
  }
  return rotations;
}

/** b [n, m] ← v [n, n] · rows [n, m], v the eigenvectors of rows · rowsᵀ, largest eigenvalue first. */
static int warmStart(int m, int n, const double *rows, double *b, double *v) {
  const size_t mark = heapMark();
  double *gram = heapDoubles(n * n), *values = heapDoubles(n), *ascending = heapDoubles(n * n);
  zero(gram, n * n);
  gemm(n, n, m, 1, plain(rows, m), transposed(rows, m), gram, n, UPPER);
  const int failed = eigh(n, gram, values, ascending);
  for (int i = 0; i < n; i++) copy(ascending + (n - 1 - i) * n, v + i * n, n);
  zero(b, n * m);
  gemm(n, m, n, 1, plain(v, n), plain(rows, m), b, m, ALL);
  heapRelease(mark);
  return failed;
}

/** Replaces rows that are zero by unit rows orthogonal to the others; u [n, m] has its zero rows last. */
static void complete(int m, int n, double *u) {
  const size_t mark = heapMark();
  double *factored = heapDoubles(n * m), *tau = heapDoubles(n), *q = heapDoubles(n * m);
  copy(u, factored, n * m);
  qrFactor(m, n, factored, tau);
  qrColumns(m, n, factored, tau, n, q);
  for (int i = 0; i < n; i++) {
    if (dot(u + i * m, u + i * m, m) == 0) copy(q + i * m, u + i * m, m);
  }
  heapRelease(mark);
}

/** σ = ‖b‖, u = b / σ, in descending order. Returns whether a σ is zero. */
static int writeTriplets(int m, int n, const double *b, const double *turns, double *values, double *u, double *v) {
  const size_t mark = heapMark();
  int *order = heapInts(n), deficient = 0;
  double *sizes = heapDoubles(n);
  for (int i = 0; i < n; i++) {
    sizes[i] = squareRoot(dot(b + i * m, b + i * m, m));
    int at = i;
    for (; at > 0 && sizes[order[at - 1]] < sizes[i]; at--) order[at] = order[at - 1];
    order[at] = i;
  }
  for (int i = 0; i < n; i++) {
    const double size = sizes[order[i]];
    values[i] = size;
    copy(turns + order[i] * n, v + i * n, n);
    copy(b + order[i] * m, u + i * m, m);
    if (size > 0) scaleBy(1 / size, u + i * m, m);
    else deficient = 1;
  }
  heapRelease(mark);
  return deficient;
}

/** The method itself, for rows [n, m] of moderate scale. */
static int svdOf(int m, int n, const double *rows, double *values, double *u, double *v) {
  const size_t mark = heapMark();
  double *b = heapDoubles(n * m), *turns = heapDoubles(n * n), *squares = heapDoubles(n);
  int failed = warmStart(m, n, rows, b, turns), sweeps = 0;
  // Rounding far below ε ‖A‖ says nothing about directions: such rows are zero. Rows of a matrix without full rank
  // would else turn for ever, ever smaller and still parallel.
  const double least = 0.01 * EPSILON * squareRoot(dot(rows, rows, n * m));
  while (!failed && jacobiSweep(m, n, b, turns, squares, least) > 0) failed = ++sweeps == MAX_JACOBI_SWEEPS;
  if (writeTriplets(m, n, b, turns, values, u, v)) complete(m, n, u);
  heapRelease(mark);
  return failed;
}

/** Tall A = Q R first: the iteration then runs on R [n, n]. */
static int svdTall(int m, int n, double *rows, double *values, double *u, double *v) {
  const size_t mark = heapMark();
  double *tau = heapDoubles(n), *r = heapDoubles(n * n), *ur = heapDoubles(n * n), *q = heapDoubles(n * m);
  qrFactor(m, n, rows, tau);
  zero(r, n * n);
  for (int j = 0; j < n; j++) copy(rows + j * m, r + j * n, j + 1);
  const int failed = svdOf(n, n, r, values, ur, v);
  qrColumns(m, n, rows, tau, n, q);
  zero(u, n * m);
  gemm(n, m, n, 1, plain(ur, n), plain(q, m), u, m, ALL);
  heapRelease(mark);
  return failed;
}

int svd(int m, int n, double *rows, double *values, double *u, double *v) {
  double most = 0;
  for (int i = 0; i < m * n; i++) most = larger(most, absolute(rows[i]));
  const double scale = powerNear(most);
  if (scale != 0) scaleBy(scale, rows, m * n);
  const int failed = m > n + n / 2 ? svdTall(m, n, rows, values, u, v) : svdOf(m, n, rows, values, u, v);
  if (scale != 0) scaleBy(1 / scale, values, n);
  return failed;
}
