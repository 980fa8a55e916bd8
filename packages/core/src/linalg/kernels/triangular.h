// Systems with lower triangular matrices. Rows of L are `stride` apart; what is above its diagonal is not read.
#pragma once

/** B [n, k] ← L⁻¹ B */
void solveLower(int n, int k, const double *l, int stride, double *b, int bStride);
/** B [n, k] ← L⁻ᵀ B */
void solveLowerTransposed(int n, int k, const double *l, int stride, double *b, int bStride);
/** B [m, n] ← B L⁻ᵀ: every row solved with L. */
void solveRows(int m, int n, const double *l, int stride, double *b, int bStride);
/** X [n, n] ← L⁻¹; above the diagonal X is set to zero. */
void invertLower(int n, const double *l, int stride, double *x, int xStride);
