// A = U diag(σ) Vᵀ
#pragma once

/**
 * rows [n, m], m ≥ n, holds A [m, n] column by column and is destroyed. σ descending in `values` [n]; left singular
 * vector j in row j of u [n, m], right singular vector j in row j of v [n, n].
 * Returns 0, or 1 where Jacobi did not converge.
 */
int svd(int m, int n, double *rows, double *values, double *u, double *v);
