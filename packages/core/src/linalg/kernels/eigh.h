// The symmetric eigenproblem.
#pragma once

/**
 * A = V diag(λ) Vᵀ: λ ascending in `values` [n], eigenvector j in row j of `rows` [n, n]. Reads the upper triangle of
 * A [n, n] and destroys it. Returns 0, or 1 where an iteration did not converge.
 */
int eigh(int n, double *a, double *values, double *rows);
