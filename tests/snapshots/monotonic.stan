// y ~ mo(rating) * f + mo(score, id = "q") + (mo(rating) | g)
// sigma ~ mo(score):x
// family gaussian (links mu: identity, sigma: log)
functions {
  /* Monotonic effect of Buerkner & Charpentier (2020, doi:10.1111/bmsp.12195): J times the share of
   * the steps up to each category.
   * Args:
   *   simo: shares of the J steps, a simplex
   *   x: categories, from 0
   */
  vector monotonic(vector simo, array[] int x) {
    int J = size(simo);
    vector[J + 1] height = append_row(0, J * cumulative_sum(simo));
    vector[size(x)] out;
    for (n in 1:size(x)) {
      out[n] = height[x[n] + 1];
    }
    return out;
  }
}
data {
  int<lower=0> N;  // rows
  vector[N] Y;  // response y
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, without the intercept
  matrix[N, K] X;  // design of f
  vector[Kc] means_X;  // column means of X
  int<lower=1> Ksp;  // special effects
  vector[N] Csp_1;  // covariate of morating:fmid
  vector[N] Csp_2;  // covariate of morating:ftop
  int<lower=1> Imo;  // monotonic variables
  array[Imo] int<lower=1> Jmo;  // their steps
  array[N] int<lower=0, upper=Jmo[1]> Xmo_1;  // categories of mo(rating)
  array[N] int<lower=0, upper=Jmo[2]> Xmo_2;  // categories of mo(score, id = "q")
  array[N] int<lower=0, upper=Jmo[3]> Xmo_3;  // categories of mo(rating)
  array[N] int<lower=0, upper=Jmo[4]> Xmo_4;  // categories of mo(rating)
  vector[N] Z_1_1;  // Intercept of (mo(rating) | g)
  int<lower=1> Ksp_sigma;  // special effects
  vector[N] Csp_sigma_1;  // covariate of moscore:x
  int<lower=1> Imo_sigma;  // monotonic variables
  array[Imo_sigma] int<lower=1> Jmo_sigma;  // their steps
  array[N] int<lower=0, upper=Jmo_sigma[1]> Xmo_sigma_1;  // categories of mo(score)
  int<lower=1> N_1;  // levels of g
  int<lower=1> M_1;  // coefficients per level of g
  array[N] int<lower=1, upper=N_1> J_1;  // level of g in each row
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  vector<lower=0>[Jmo[1]] con_simo_1;  // concentrations of simo_1
  vector<lower=0>[Jmo[2]] con_simo_2;  // concentrations of simo_2
  vector<lower=0>[Jmo[3]] con_simo_3;  // concentrations of simo_3
  vector<lower=0>[Jmo[4]] con_simo_4;  // concentrations of simo_4
  real<lower=0> prior_scale_Intercept_sigma;  // scale of the default prior of Intercept_sigma
  vector<lower=0>[Jmo_sigma[1]] con_simo_sigma_1;  // concentrations of simo_sigma_1
  real<lower=0> prior_scale_sd_1;  // scale of the default prior of sd_1
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc] Xc = X[, 2:K] - rep_matrix(means_X', N);  // centred design
}
parameters {
  vector[Kc] b;  // population-level effects
  real Intercept;  // intercept of the centred design
  simplex[Jmo[1]] simo_1;  // shares of the steps of mo(rating)
  simplex[Jmo[2]] simo_2;  // shares of the steps of mo(score, id = "q")
  simplex[Jmo[3]] simo_3;  // shares of the steps of mo(rating)
  simplex[Jmo[4]] simo_4;  // shares of the steps of mo(rating)
  vector[Ksp] bsp;  // coefficients of mo(rating) + mo(score, id = "q") + mo(rating):f
  real Intercept_sigma;  // intercept of sigma
  simplex[Jmo_sigma[1]] simo_sigma_1;  // shares of the steps of mo(score)
  vector[Ksp_sigma] bsp_sigma;  // coefficients of mo(score):x
  vector<lower=0>[M_1] sd_1;  // standard deviations of the effects of g
  matrix[M_1, N_1] z_1;  // standardised effects
  cholesky_factor_corr[M_1] L_1;  // Cholesky factor of their correlations
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += dirichlet_lpdf(simo_1 | con_simo_1);
  lprior += dirichlet_lpdf(simo_2 | con_simo_2);
  lprior += dirichlet_lpdf(simo_3 | con_simo_3);
  lprior += dirichlet_lpdf(simo_4 | con_simo_4);
  lprior += student_t_lpdf(Intercept_sigma | 3, 0, prior_scale_Intercept_sigma);
  lprior += dirichlet_lpdf(simo_sigma_1 | con_simo_sigma_1);
  lprior += student_t_lpdf(sd_1 | 3, 0, prior_scale_sd_1) - M_1 * student_t_lccdf(0 | 3, 0, prior_scale_sd_1);
  lprior += lkj_corr_cholesky_lpdf(L_1 | 1);
}
model {
  if (!prior_only) {
    // effects of g: (mo(rating) | g)
    matrix[N_1, M_1] r_1 = transpose(diag_pre_multiply(sd_1, L_1) * z_1);
    vector[N] mu = rep_vector(Intercept, N);
    mu += Xc * b;  // f
    mu += bsp[1] * monotonic(simo_1, Xmo_1)
          + bsp[2] * monotonic(simo_2, Xmo_2)
          + bsp[3] * monotonic(simo_3, Xmo_3) .* Csp_1
          + bsp[4] * monotonic(simo_4, Xmo_4) .* Csp_2;  // mo(rating) + mo(score, id = "q") + mo(rating):f
    mu += r_1[J_1, 1] .* Z_1_1
          + r_1[J_1, 2] .* monotonic(simo_1, Xmo_1);  // (mo(rating) | g)
    vector[N] sigma = rep_vector(Intercept_sigma, N);
    sigma += bsp_sigma[1] * monotonic(simo_sigma_1, Xmo_sigma_1) .* Csp_sigma_1;  // mo(score):x
    sigma = exp(sigma);
    target += normal_lpdf(Y | mu, sigma);  // y ~ gaussian
  }
  target += lprior;
  target += std_normal_lpdf(to_vector(z_1) |);
}
