// count ~ me(x, s) * z + I(me(x, s)^2) + me(z, s) + (me(x, s) || g)
// family poisson (links mu: log)
data {
  int<lower=0> N;  // rows
  array[N] int Y;  // response count
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, without the intercept
  matrix[N, K] X;  // design of z
  vector[Kc] means_X;  // column means of X
  int<lower=1> Ksp;  // special effects
  vector[N] Csp_1;  // covariate of mexs:z
  vector[N] Z_1_1;  // Intercept of (me(x, s) || g)
  int<lower=1> N_1;  // levels of g
  int<lower=1> M_1;  // coefficients per level of g
  array[N] int<lower=1, upper=N_1> J_1;  // level of g in each row
  int<lower=1> N_2;  // levels of g
  int<lower=1> M_2;  // coefficients per level of g
  array[N] int<lower=1, upper=N_2> J_2;  // level of g in each row
  int<lower=1> Mme_1;  // covariates with measurement error
  vector[N] Xn_1;  // observed me(x, s)
  vector<lower=0>[N] noise_1;  // standard errors of me(x, s)
  vector[N] Xn_2;  // observed me(z, s)
  vector<lower=0>[N] noise_2;  // standard errors of me(z, s)
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_sd_1;  // scale of the default prior of sd_1
  real<lower=0> prior_scale_sd_2;  // scale of the default prior of sd_2
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc] Xc = X[, 2:K] - rep_matrix(means_X', N);  // centred design
}
parameters {
  vector[Kc] b;  // population-level effects
  real Intercept;  // intercept of the centred design
  vector[Ksp] bsp;  // coefficients of me(x, s) + I(me(x, s)^2) + me(z, s) + me(x, s):z
  vector<lower=0>[M_1] sd_1;  // standard deviations of the effects of g
  array[M_1] vector[N_1] z_1;  // standardised effects
  vector<lower=0>[M_2] sd_2;  // standard deviations of the effects of g
  array[M_2] vector[N_2] z_2;  // standardised effects
  vector[Mme_1] meanme_1;  // means of the true values
  vector<lower=0>[Mme_1] sdme_1;  // standard deviations of the true values
  matrix[Mme_1, N] zme_1;  // standardised true values
  cholesky_factor_corr[Mme_1] Lme_1;  // Cholesky factor of their correlations
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += student_t_lpdf(sd_1 | 3, 0, prior_scale_sd_1) - M_1 * student_t_lccdf(0 | 3, 0, prior_scale_sd_1);
  lprior += student_t_lpdf(sd_2 | 3, 0, prior_scale_sd_2) - M_2 * student_t_lccdf(0 | 3, 0, prior_scale_sd_2);
  lprior += lkj_corr_cholesky_lpdf(Lme_1 | 1);
}
model {
  // true values of me(x, s), me(z, s)
  matrix[N, Mme_1] Xmes_1 = rep_matrix(transpose(meanme_1), N)
      + transpose(diag_pre_multiply(sdme_1, Lme_1) * zme_1);
  vector[N] Xme_1 = Xmes_1[, 1];
  vector[N] Xme_2 = Xmes_1[, 2];
  if (!prior_only) {
    // effects of g: (me(x, s) || g)
    vector[N_1] r_1 = sd_1[1] * z_1[1];
    // effects of g: (me(x, s) || g)
    vector[N_2] r_2 = sd_2[1] * z_2[1];
    vector[N] mu = rep_vector(Intercept, N);
    mu += bsp[1] * Xme_1
          + bsp[2] * Xme_1.^2
          + bsp[3] * Xme_2
          + bsp[4] * Xme_1 .* Csp_1;  // me(x, s) + I(me(x, s)^2) + me(z, s) + me(x, s):z
    mu += r_1[J_1] .* Z_1_1;  // (me(x, s) || g)
    mu += r_2[J_2] .* Xme_1;  // (me(x, s) || g)
    target += poisson_log_glm_lpmf(Y | Xc, mu, b);  // count ~ poisson, where Xc * b is z
  }
  target += lprior;
  target += std_normal_lpdf(z_1[1] |);
  target += std_normal_lpdf(z_2[1] |);
  target += normal_lpdf(Xn_1 | Xme_1, noise_1);  // me(x, s)
  target += normal_lpdf(Xn_2 | Xme_2, noise_2);  // me(z, s)
  target += std_normal_lpdf(to_vector(zme_1) |);
}
