// y ~ x + (x | g)
// sigma ~ z
// family gaussian (links mu: identity, sigma: log)
functions {
  // log likelihood of the rows start to end
  real partial_log_lik_lpmf(
      array[] int seq, int start, int end, real Intercept, data matrix Xc_all, vector b,
      matrix r_1, data array[] int J_1_all, data vector Z_1_1_all, data vector Z_1_2_all,
      real Intercept_sigma, data matrix Xc_sigma_all, vector b_sigma, data vector Y_all) {
    real ptarget = 0;
    int N = end - start + 1;
    matrix[N, cols(Xc_all)] Xc = Xc_all[start:end];
    array[N] int J_1 = J_1_all[start:end];
    vector[N] Z_1_1 = Z_1_1_all[start:end];
    vector[N] Z_1_2 = Z_1_2_all[start:end];
    matrix[N, cols(Xc_sigma_all)] Xc_sigma = Xc_sigma_all[start:end];
    vector[N] Y = Y_all[start:end];
    vector[N] mu = rep_vector(Intercept, N);
    mu += Xc * b;  // x
    mu += r_1[J_1, 1] .* Z_1_1
          + r_1[J_1, 2] .* Z_1_2;  // (x | g)
    vector[N] sigma = rep_vector(Intercept_sigma, N);
    sigma += Xc_sigma * b_sigma;  // z
    sigma = exp(sigma);
    ptarget += normal_lpdf(Y | mu, sigma);  // y ~ gaussian
    return ptarget;
  }
}
data {
  int<lower=0> N;  // rows
  vector[N] Y;  // response y
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, without the intercept
  matrix[N, K] X;  // design of x
  vector[Kc] means_X;  // column means of X
  vector[N] Z_1_1;  // Intercept of (x | g)
  vector[N] Z_1_2;  // x of (x | g)
  int<lower=1> K_sigma;  // population-level columns
  int<lower=1> Kc_sigma;  // centred columns, without the intercept
  matrix[N, K_sigma] X_sigma;  // design of z
  vector[Kc_sigma] means_X_sigma;  // column means of X
  int<lower=1> N_1;  // levels of g
  int<lower=1> M_1;  // coefficients per level of g
  array[N] int<lower=1, upper=N_1> J_1;  // level of g in each row
  int<lower=1> grainsize;  // rows of a slice, at least about so many
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_Intercept_sigma;  // scale of the default prior of Intercept_sigma
  real<lower=0> prior_scale_sd_1;  // scale of the default prior of sd_1
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc] Xc = X[, 2:K] - rep_matrix(means_X', N);  // centred design
  matrix[N, Kc_sigma] Xc_sigma = X_sigma[, 2:K_sigma] - rep_matrix(means_X_sigma', N);  // centred design
  array[N] int seq = linspaced_int_array(N, 1, N);  // rows, to be sliced
}
parameters {
  vector[Kc] b;  // population-level effects
  real Intercept;  // intercept of the centred design
  vector[Kc_sigma] b_sigma;  // population-level effects of sigma
  real Intercept_sigma;  // intercept of the centred design of sigma
  vector<lower=0>[M_1] sd_1;  // standard deviations of the effects of g
  matrix[M_1, N_1] z_1;  // standardised effects
  cholesky_factor_corr[M_1] L_1;  // Cholesky factor of their correlations
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += student_t_lpdf(Intercept_sigma | 3, 0, prior_scale_Intercept_sigma);
  lprior += student_t_lpdf(sd_1 | 3, 0, prior_scale_sd_1) - M_1 * student_t_lccdf(0 | 3, 0, prior_scale_sd_1);
  lprior += lkj_corr_cholesky_lpdf(L_1 | 1);
}
model {
  if (!prior_only) {
    // effects of g: (x | g)
    matrix[N_1, M_1] r_1 = transpose(diag_pre_multiply(sd_1, L_1) * z_1);
    target += reduce_sum(
        partial_log_lik_lpmf, seq, grainsize, Intercept, Xc, b, r_1, J_1, Z_1_1, Z_1_2,
        Intercept_sigma, Xc_sigma, b_sigma, Y);
  }
  target += lprior;
  target += std_normal_lpdf(to_vector(z_1) |);
}
