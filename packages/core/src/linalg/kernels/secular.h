// The secular equation of a diagonal matrix plus rank one.
#pragma once

/**
 * Root j of 1/ρ + Σ zᵢ² / (dᵢ − λ) = 0, the j-th eigenvalue of diag(d) + ρ z zᵀ.
 *
 * d [k] strictly ascending, ρ > 0, k ≥ 2. Writes dᵢ − λ to `distance` [k], each to full relative accuracy; returns λ.
 * `shifted` is scratch of k entries.
 */
double secularRoot(int j, int k, const double *d, const double *z, double rho, double *shifted, double *distance);
