// C += alpha A B as Goto's algorithm: blocks of A and B are packed so that the innermost loop reads both in order and
// keeps a 4 × 4 tile of C in registers.
//
// Source: Goto & van de Geijn (2008), Anatomy of high-performance matrix multiplication, ACM TOMS 34(3).
#include "gemm.h"
#include "heap.h"
#include "simd.h"

enum { TILE = 4, ROWS = 128, DEPTH = 256, COLUMNS = 1024 }; // A block: 256 KiB (L2), B block: 2 MiB (L3), B panel: 8 KiB (L1)

static double packedA[ROWS * DEPTH] __attribute__((aligned(16)));
static double packedB[DEPTH * COLUMNS] __attribute__((aligned(16)));

/** Panels of TILE rows of op(A), depth-major, padded with zeros. Panels of op(B)'s columns are those of its transpose. */
static void pack(View m, int rows, int depth, double scale, double *to) {
  for (int i = 0; i < rows; i += TILE) {
    const double *from = m.data + i * m.row;
    if (i + TILE <= rows && m.row == 1) {
      for (int p = 0; p < depth; p++, to += TILE, from += m.column) {
        storePair(to, both(scale) * loadPair(from));
        storePair(to + 2, both(scale) * loadPair(from + 2));
      }
    } else if (i + TILE <= rows) {
      const double *r1 = from + m.row, *r2 = r1 + m.row, *r3 = r2 + m.row;
      for (int p = 0, at = 0; p < depth; p++, at += m.column, to += TILE) {
        to[0] = scale * from[at];
        to[1] = scale * r1[at];
        to[2] = scale * r2[at];
        to[3] = scale * r3[at];
      }
    } else {
      for (int p = 0; p < depth; p++, to += TILE) {
        for (int r = 0; r < TILE; r++) to[r] = i + r < rows ? scale * from[r * m.row + p * m.column] : 0;
      }
    }
  }
}

/** c [4, 4] += a b over `depth`, from packed panels. */
static inline void tile(int depth, const double *restrict a, const double *restrict b, double *restrict c, int stride) {
  pair c00 = both(0), c01 = both(0), c10 = both(0), c11 = both(0);
  pair c20 = both(0), c21 = both(0), c30 = both(0), c31 = both(0);
  for (int p = 0; p < depth; p++, a += TILE, b += TILE) {
    const pair b0 = loadPair(b), b1 = loadPair(b + 2);
    pair x = both(a[0]);
    c00 += x * b0;
    c01 += x * b1;
    x = both(a[1]);
    c10 += x * b0;
    c11 += x * b1;
    x = both(a[2]);
    c20 += x * b0;
    c21 += x * b1;
    x = both(a[3]);
    c30 += x * b0;
    c31 += x * b1;
  }
  double *r1 = c + stride, *r2 = r1 + stride, *r3 = r2 + stride;
  storePair(c, loadPair(c) + c00);
  storePair(c + 2, loadPair(c + 2) + c01);
  storePair(r1, loadPair(r1) + c10);
  storePair(r1 + 2, loadPair(r1 + 2) + c11);
  storePair(r2, loadPair(r2) + c20);
  storePair(r2 + 2, loadPair(r2 + 2) + c21);
  storePair(r3, loadPair(r3) + c30);
  storePair(r3 + 2, loadPair(r3 + 2) + c31);
}

/** A tile that reaches over the edge of C: computed aside, and what belongs to C added. */
static void edgeTile(int depth, const double *a, const double *b, double *c, int stride, int rows, int columns) {
  double aside[TILE * TILE] = {0};
  tile(depth, a, b, aside, TILE);
  for (int i = 0; i < rows; i++) {
    for (int j = 0; j < columns; j++) c[i * stride + j] += aside[i * TILE + j];
  }
}

static inline int outside(Part part, int i, int j) {
  return (part == LOWER && j > i + TILE - 1) || (part == UPPER && i > j + TILE - 1);
}

/** One packed block of A times one of B; (i0, j0) is the block's place in C. */
static void block(int m, int n, int depth, double *c, int stride, Part part, int i0, int j0) {
  for (int j = 0; j < n; j += TILE) {
    const double *b = packedB + j * depth;
    for (int i = 0; i < m; i += TILE) {
      if (outside(part, i0 + i, j0 + j)) continue;
      const double *a = packedA + i * depth;
      double *to = c + i * stride + j;
      if (i + TILE <= m && j + TILE <= n) tile(depth, a, b, to, stride);
      else edgeTile(depth, a, b, to, stride, smallerInt(TILE, m - i), smallerInt(TILE, n - j));
    }
  }
}

static inline View shifted(View v, int i, int j) { return (View){v.data + i * v.row + j * v.column, v.row, v.column}; }
static inline View flipped(View v) { return (View){v.data, v.column, v.row}; }

void gemm(int m, int n, int k, double alpha, View a, View b, double *c, int stride, Part part) {
  for (int j = 0; j < n; j += COLUMNS) {
    const int columns = smallerInt(COLUMNS, n - j);
    for (int p = 0; p < k; p += DEPTH) {
      const int depth = smallerInt(DEPTH, k - p);
      pack(flipped(shifted(b, p, j)), columns, depth, 1, packedB);
      for (int i = 0; i < m; i += ROWS) {
        const int rows = smallerInt(ROWS, m - i);
        if (part == LOWER && j > i + rows - 1) continue;
        if (part == UPPER && i > j + columns - 1) continue;
        pack(shifted(a, i, p), rows, depth, alpha, packedA);
        block(rows, columns, depth, c + i * stride + j, stride, part, i, j);
      }
    }
  }
}
