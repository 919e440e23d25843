// reaction ~ days + (days | subject)
// family gaussian (links mu: identity)
data {
  int<lower=0> N;  // rows
  vector[N] Y;  // response reaction
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, without the intercept
  matrix[N, K] X;  // design of days
  vector[Kc] means_X;  // column means of X
  vector[N] Z_1_1;  // Intercept of (days | subject)
  vector[N] Z_1_2;  // days of (days | subject)
  int<lower=1> N_1;  // levels of subject
  int<lower=1> M_1;  // coefficients per level of subject
  array[N] int<lower=1, upper=N_1> J_1;  // level of subject in each row
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_sigma;  // scale of the default prior of sigma
  real<lower=0> prior_scale_sd_1;  // scale of the default prior of sd_1
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc] Xc = X[, 2:K] - rep_matrix(means_X', N);  // centred design
}
parameters {
  vector[Kc] b;  // population-level effects
  real Intercept;  // intercept of the centred design
  real<lower=0> sigma;  // sigma of the gaussian family
  vector<lower=0>[M_1] sd_1;  // standard deviations of the effects of subject
  matrix[M_1, N_1] z_1;  // standardised effects
  cholesky_factor_corr[M_1] L_1;  // Cholesky factor of their correlations
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += student_t_lpdf(sigma | 3, 0, prior_scale_sigma) - student_t_lccdf(0 | 3, 0, prior_scale_sigma);
  lprior += student_t_lpdf(sd_1 | 3, 0, prior_scale_sd_1) - M_1 * student_t_lccdf(0 | 3, 0, prior_scale_sd_1);
  lprior += lkj_corr_cholesky_lpdf(L_1 | 1);
}
model {
  if (!prior_only) {
    // effects of subject: (days | subject)
    matrix[N_1, M_1] r_1 = transpose(diag_pre_multiply(sd_1, L_1) * z_1);
    vector[N] mu = rep_vector(Intercept, N);
    mu += r_1[J_1, 1] .* Z_1_1
          + r_1[J_1, 2] .* Z_1_2;  // (days | subject)
    target += normal_id_glm_lpdf(Y | Xc, mu, b, sigma);  // reaction ~ gaussian, where Xc * b is days
  }
  target += lprior;
  target += std_normal_lpdf(to_vector(z_1) |);
}
