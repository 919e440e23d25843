// y ~ x + (1 |p| g)
// z ~ f + (1 |p| g)
// rescor = True
// family gaussian of y (links mu_y: identity)
// family gaussian of z (links mu_z: identity)
data {
  int<lower=0> N;  // rows of the data
  int<lower=0> N_y;  // rows
  vector[N_y] Y_y;  // response y
  int<lower=1> K_y;  // population-level columns
  int<lower=1> Kc_y;  // centred columns, without the intercept
  matrix[N_y, K_y] X_y;  // design of x
  vector[Kc_y] means_X_y;  // column means of X
  vector[N_y] Z_1_y_1;  // Intercept of (1 |p| g)
  int<lower=0> N_z;  // rows
  vector[N_z] Y_z;  // response z
  int<lower=1> K_z;  // population-level columns
  int<lower=1> Kc_z;  // centred columns, without the intercept
  matrix[N_z, K_z] X_z;  // design of f
  vector[Kc_z] means_X_z;  // column means of X
  vector[N_z] Z_1_z_2;  // Intercept of (1 |p| g)
  int<lower=2> nresp;  // correlated responses
  int<lower=1> N_1;  // levels of g
  int<lower=1> M_1;  // coefficients per level of g
  array[N_y] int<lower=1, upper=N_1> J_1_y;  // level of g in each row
  array[N_z] int<lower=1, upper=N_1> J_1_z;  // level of g in each row
  real prior_location_Intercept_y;  // location of the default prior of Intercept_y
  real<lower=0> prior_scale_Intercept_y;  // scale of the default prior of Intercept_y
  real<lower=0> prior_scale_sigma_y;  // scale of the default prior of sigma_y
  real prior_location_Intercept_z;  // location of the default prior of Intercept_z
  real<lower=0> prior_scale_Intercept_z;  // scale of the default prior of Intercept_z
  real<lower=0> prior_scale_sigma_z;  // scale of the default prior of sigma_z
  vector<lower=0>[M_1] prior_scale_sd_1;  // scale of the default prior of sd_1
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N_y, Kc_y] Xc_y = X_y[, 2:K_y] - rep_matrix(means_X_y', N_y);  // centred design
  matrix[N_z, Kc_z] Xc_z = X_z[, 2:K_z] - rep_matrix(means_X_z', N_z);  // centred design
  array[N] vector[nresp] Y;  // the responses of each row
  for (n in 1:N) {
    Y[n] = [Y_y[n], Y_z[n]]';
  }
}
parameters {
  vector[Kc_y] b_y;  // population-level effects of y
  real Intercept_y;  // intercept of the centred design of y
  real<lower=0> sigma_y;  // sigma of the gaussian family
  vector[Kc_z] b_z;  // population-level effects of z
  real Intercept_z;  // intercept of the centred design of z
  real<lower=0> sigma_z;  // sigma of the gaussian family
  cholesky_factor_corr[nresp] Lrescor;  // Cholesky factor of the residual correlations
  vector<lower=0>[M_1] sd_1;  // standard deviations of the effects of g
  matrix[M_1, N_1] z_1;  // standardised effects
  cholesky_factor_corr[M_1] L_1;  // Cholesky factor of their correlations
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept_y | 3, prior_location_Intercept_y, prior_scale_Intercept_y);
  lprior += student_t_lpdf(sigma_y | 3, 0, prior_scale_sigma_y) - student_t_lccdf(0 | 3, 0, prior_scale_sigma_y);
  lprior += student_t_lpdf(Intercept_z | 3, prior_location_Intercept_z, prior_scale_Intercept_z);
  lprior += student_t_lpdf(sigma_z | 3, 0, prior_scale_sigma_z) - student_t_lccdf(0 | 3, 0, prior_scale_sigma_z);
  lprior += lkj_corr_cholesky_lpdf(Lrescor | 1);
  lprior += student_t_lpdf(sd_1 | 3, 0, prior_scale_sd_1) - student_t_lccdf(rep_vector(0, M_1) | 3, 0, prior_scale_sd_1);
  lprior += lkj_corr_cholesky_lpdf(L_1 | 1);
}
model {
  if (!prior_only) {
    // effects of g: (1 |p| g)
    matrix[N_1, M_1] r_1 = transpose(diag_pre_multiply(sd_1, L_1) * z_1);
    vector[N_y] mu_y = rep_vector(Intercept_y, N_y);
    mu_y += Xc_y * b_y;  // x
    mu_y += r_1[J_1_y, 1] .* Z_1_y_1;  // (1 |p| g)
    vector[N_z] mu_z = rep_vector(Intercept_z, N_z);
    mu_z += Xc_z * b_z;  // f
    mu_z += r_1[J_1_z, 2] .* Z_1_z_2;  // (1 |p| g)
    array[N] vector[nresp] Mu;
    for (n in 1:N) {
      Mu[n] = [mu_y[n], mu_z[n]]';
    }
    target += multi_normal_cholesky_lpdf(Y | Mu, diag_pre_multiply([sigma_y, sigma_z]', Lrescor));  // residual correlations
  }
  target += lprior;
  target += std_normal_lpdf(to_vector(z_1) |);
}
