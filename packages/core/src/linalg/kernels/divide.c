// T is cut in two and the halves solved; joining them is an eigenproblem of a diagonal matrix plus rank one, whose
// eigenvectors multiply those of the halves (gemm). Entries of z that are negligible, and poles that are equal,
// deflate: their eigenpairs are known already, and in practice most of the work vanishes with them.
//
// Sources: Cuppen (1981), Numer. Math. 36; Gu & Eisenstat (1995), A divide-and-conquer algorithm for the symmetric
// tridiagonal eigenproblem, SIAM J. Matrix Anal. 16(1); LAPACK's dlaed0 … dlaed4.
#include "divide.h"
#include "gemm.h"
#include "heap.h"
#include "secular.h"
#include "simd.h"

enum { LEAF = 32, MAX_SWEEPS = 60 };

static double hypotenuse(double a, double b) { return squareRoot(a * a + b * b); }

// ---- leaves: implicit QL ----

/** One QL sweep over the block l … m. */
static void sweep(double *d, double *e, double *rows, int stride, int width, int l, int m) {
  double g = (d[l + 1] - d[l]) / (2 * e[l]);
  g = d[m] - d[l] + e[l] / (g + withSign(hypotenuse(g, 1), g));
  double s = 1, c = 1, p = 0;
  for (int i = m - 1; i >= l; i--) {
    const double f = s * e[i], b = c * e[i], r = hypotenuse(f, g);
    if (i + 1 < m) e[i + 1] = r;
    if (r == 0) {
      d[i + 1] -= p;
      if (m < width - 1) e[m] = 0;
      return;
    }
    s = f / r;
    c = g / r;
    g = d[i + 1] - p;
    const double t = (d[i] - g) * s + 2 * c * b;
    p = s * t;
    d[i + 1] = g + p;
    g = c * t - b;
    rotate(rows + i * stride, rows + (i + 1) * stride, c, s, width);
  }
  d[l] -= p;
  e[l] = g;
}

static void swapRows(double *a, double *b, int n) {
  for (int i = 0; i < n; i++) {
    const double t = a[i];
    a[i] = b[i];
    b[i] = t;
  }
}

static void sortPairs(int n, double *d, double *rows, int stride) {
  for (int i = 0; i < n - 1; i++) {
    int least = i;
    for (int j = i + 1; j < n; j++) least = d[j] < d[least] ? j : least;
    if (least == i) continue;
    const double t = d[i];
    d[i] = d[least];
    d[least] = t;
    swapRows(rows + i * stride, rows + least * stride, n);
  }
}

/** The coupling of a and b below which they are apart: relative to them, and far below ε of T's largest entry, 1. */
static double negligible(double a, double b) {
  return EPSILON * squareRoot(absolute(a)) * squareRoot(absolute(b)) + 1e-18;
}

static int solveLeaf(int n, double *d, double *e, double *rows, int stride) {
  for (int i = 0; i < n; i++) {
    zero(rows + i * stride, n);
    rows[i * stride + i] = 1;
  }
  for (int l = 0; l < n; l++) {
    for (int sweeps = 0;; sweeps++) {
      int m = l;
      while (m < n - 1 && absolute(e[m]) > negligible(d[m], d[m + 1])) m++;
      if (m == l) break;
      if (sweeps == MAX_SWEEPS) return 1;
      sweep(d, e, rows, stride, n, l, m);
    }
  }
  sortPairs(n, d, rows, stride);
  return 0;
}

// ---- joining two halves ----

typedef enum { HEAD, DENSE, TAIL, KINDS } Kind; // where a row is not zero: the first half's columns, all, the second's

typedef struct {
  int n1, n2, n;
  double *d;    // [n] eigenvalues of the halves
  double *rows; // [n, n] their eigenvectors
  int stride;
  double rho;   // coupling, > 0
  double *z;    // [n]
  Kind *kind;   // [n]
  int *kept, keptCount;        // poles, ascending
  int *deflated, deflatedCount;
} Join;

/** z: the last row of the first half's eigenvectors and the first of the second's. Returns the largest entry. */
static double fillCoupling(Join *join, double coupling) {
  const double half = squareRoot(0.5), sign = withSign(1, coupling);
  double most = 0;
  for (int i = 0; i < join->n; i++) {
    const double *row = join->rows + i * join->stride;
    join->z[i] = half * (i < join->n1 ? row[join->n1 - 1] : sign * row[join->n1]);
    join->kind[i] = i < join->n1 ? HEAD : TAIL;
    most = larger(most, absolute(join->z[i]));
  }
  join->rho = absolute(2 * coupling);
  return most;
}

/** The order in which d ascends, from two ascending halves. */
static void ascending(const Join *join, int *order) {
  int i = 0, j = join->n1, at = 0;
  while (i < join->n1 && j < join->n) order[at++] = join->d[i] <= join->d[j] ? i++ : j++;
  while (i < join->n1) order[at++] = i++;
  while (j < join->n) order[at++] = j++;
}

/** Whether poles p < q are equal to working accuracy; if so the pair is turned so that z_p vanishes. */
static int turnTogether(Join *join, int p, int q, double tolerance) {
  const double tau = hypotenuse(join->z[p], join->z[q]);
  const double c = join->z[q] / tau, s = join->z[p] / tau, gap = join->d[q] - join->d[p];
  if (absolute(gap * c * s) > tolerance) return 0;
  join->z[q] = tau;
  join->z[p] = 0;
  if (join->kind[p] != join->kind[q]) join->kind[q] = DENSE;
  rotate(join->rows + p * join->stride, join->rows + q * join->stride, c, s, join->n);
  const double dp = join->d[p], dq = join->d[q];
  join->d[p] = dp * c * c + dq * s * s;
  join->d[q] = dp * s * s + dq * c * c;
  return 1;
}

static void deflate(Join *join, double largestZ) {
  const size_t mark = heapMark();
  int *order = heapInts(join->n);
  ascending(join, order);
  const double largestD = larger(absolute(join->d[order[0]]), absolute(join->d[order[join->n - 1]]));
  const double tolerance = 8 * EPSILON * larger(largestD, largestZ);
  int previous = -1;
  for (int at = 0; at < join->n; at++) {
    const int i = order[at];
    if (join->rho * absolute(join->z[i]) <= tolerance) {
      join->deflated[join->deflatedCount++] = i;
      continue;
    }
    if (previous >= 0) {
      if (turnTogether(join, previous, i, tolerance)) join->deflated[join->deflatedCount++] = previous;
      else join->kept[join->keptCount++] = previous;
    }
    previous = i;
  }
  if (previous >= 0) join->kept[join->keptCount++] = previous;
  heapRelease(mark);
}

/**
 * z again, from the roots that were found: they are the exact eigenvalues of diag(d) + ρ ẑ ẑᵀ, whose eigenvectors are
 * then orthogonal to working accuracy. distance[j, i] = dᵢ − λⱼ.
 */
static void refineCoupling(int k, const double *d, const double *distance, double *z) {
  const size_t mark = heapMark();
  double *product = heapDoubles(k);
  for (int i = 0; i < k; i++) product[i] = distance[i * k + i];
  for (int j = 0; j < k; j++) {
    const double *row = distance + j * k;
    for (int i = 0; i < j; i++) product[i] *= row[i] / (d[i] - d[j]);
    for (int i = j + 1; i < k; i++) product[i] *= row[i] / (d[i] - d[j]);
  }
  for (int i = 0; i < k; i++) z[i] = withSign(squareRoot(larger(-product[i], 0)), z[i]);
  heapRelease(mark);
}

/** distance[j, i] → eigenvector j of the rank-one problem, its entries at place[i]. */
static void smallVectors(int k, const double *z, const int *place, double *distance) {
  const size_t mark = heapMark();
  double *vector = heapDoubles(k);
  for (int j = 0; j < k; j++) {
    double *row = distance + j * k;
    for (int i = 0; i < k; i++) vector[i] = z[i] / row[i];
    const double scale = 1 / squareRoot(dot(vector, vector, k));
    for (int i = 0; i < k; i++) row[place[i]] = scale * vector[i];
  }
  heapRelease(mark);
}

/** Groups the kept rows by kind: place[i] of pole i, and how many there are of each kind. */
static void groupKinds(const Join *join, int *place, int *counts) {
  for (int kind = 0; kind < KINDS; kind++) counts[kind] = 0;
  for (int i = 0; i < join->keptCount; i++) counts[join->kind[join->kept[i]]]++;
  int next[KINDS] = {0, counts[HEAD], counts[HEAD] + counts[DENSE]};
  for (int i = 0; i < join->keptCount; i++) place[i] = next[join->kind[join->kept[i]]]++;
}

/** result [k, n] += small [k, k] · the kept rows; zero halves are not multiplied. */
static void multiplyKept(const Join *join, const double *small, const int *place, const int *counts, double *result) {
  const size_t mark = heapMark();
  const int k = join->keptCount, heads = counts[HEAD] + counts[DENSE], tails = counts[DENSE] + counts[TAIL];
  double *head = heapDoubles(heads * join->n1), *tail = heapDoubles(tails * join->n2);
  for (int i = 0; i < k; i++) {
    const double *row = join->rows + join->kept[i] * join->stride;
    const int at = place[i];
    if (at < heads) copy(row, head + at * join->n1, join->n1);
    if (at >= counts[HEAD]) copy(row + join->n1, tail + (at - counts[HEAD]) * join->n2, join->n2);
  }
  gemm(k, join->n1, heads, 1, plain(small, k), plain(head, join->n1), result, join->n, ALL);
  gemm(k, join->n2, tails, 1, plain(small + counts[HEAD], k), plain(tail, join->n2), result + join->n1, join->n, ALL);
  heapRelease(mark);
}

/** Solves the rank-one problem of the kept poles: values [k], and their full eigenvectors in result [k, n]. */
static void solveKept(const Join *join, double *values, double *result) {
  const int k = join->keptCount;
  if (k == 0) return;
  const size_t mark = heapMark();
  double *d = heapDoubles(k), *z = heapDoubles(k), *shifted = heapDoubles(k), *distance = heapDoubles(k * k);
  int *place = heapInts(k), counts[KINDS];
  for (int i = 0; i < k; i++) {
    d[i] = join->d[join->kept[i]];
    z[i] = join->z[join->kept[i]];
  }
  groupKinds(join, place, counts);
  if (k == 1) {
    values[0] = d[0] + join->rho * z[0] * z[0];
    distance[0] = 1;
  } else {
    for (int j = 0; j < k; j++) values[j] = secularRoot(j, k, d, z, join->rho, shifted, distance + j * k);
    refineCoupling(k, d, distance, z);
    smallVectors(k, z, place, distance);
  }
  zero(result, k * join->n);
  multiplyKept(join, distance, place, counts, result);
  heapRelease(mark);
}

/** All n pairs back into d and rows, ascending. */
static void writeSorted(Join *join, const double *values, double *result) {
  const size_t mark = heapMark();
  const int k = join->keptCount, n = join->n;
  double *all = heapDoubles(n);
  int *order = heapInts(n);
  copy(values, all, k);
  for (int i = 0; i < join->deflatedCount; i++) {
    all[k + i] = join->d[join->deflated[i]];
    copy(join->rows + join->deflated[i] * join->stride, result + (k + i) * n, n);
  }
  for (int i = 0; i < n; i++) {
    int at = i;
    for (; at > 0 && all[order[at - 1]] > all[i]; at--) order[at] = order[at - 1];
    order[at] = i;
  }
  for (int i = 0; i < n; i++) {
    join->d[i] = all[order[i]];
    copy(result + order[i] * n, join->rows + i * join->stride, n);
  }
  heapRelease(mark);
}

static void joinHalves(int n1, int n2, double *d, double coupling, double *rows, int stride) {
  const size_t mark = heapMark();
  const int n = n1 + n2;
  Join join = {.n1 = n1, .n2 = n2, .n = n, .d = d, .rows = rows, .stride = stride, .z = heapDoubles(n),
               .kind = (Kind *)heapInts(n), .kept = heapInts(n), .deflated = heapInts(n)};
  double *values = heapDoubles(n), *result = heapDoubles(n * n);
  deflate(&join, fillCoupling(&join, coupling));
  solveKept(&join, values, result);
  writeSorted(&join, values, result);
  heapRelease(mark);
}

static int solve(int n, double *d, double *e, double *rows, int stride) {
  if (n <= LEAF) return solveLeaf(n, d, e, rows, stride);
  const int n1 = n / 2, n2 = n - n1;
  const double coupling = e[n1 - 1];
  d[n1 - 1] -= absolute(coupling);
  d[n1] -= absolute(coupling);
  if (solve(n1, d, e, rows, stride)) return 1;
  if (solve(n2, d + n1, e + n1, rows + n1 * stride + n1, stride)) return 1;
  for (int i = 0; i < n1; i++) zero(rows + i * stride + n1, n2);
  for (int i = n1; i < n; i++) zero(rows + i * stride, n1);
  joinHalves(n1, n2, d, coupling, rows, stride);
  return 0;
}

int tridiagonalEigen(int n, double *d, double *e, double *rows) { return solve(n, d, e, rows, n); }
