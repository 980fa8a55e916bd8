// The symmetric tridiagonal eigenproblem by divide and conquer.
#pragma once

/**
 * Eigenvalues, ascending, replace `d` [n]; eigenvector j becomes row j of `rows` [n, n]. `e` [n − 1] is destroyed.
 * Returns 0, or 1 where an iteration did not converge. Largest entry of T about 1.
 */
int tridiagonalEigen(int n, double *d, double *e, double *rows);
