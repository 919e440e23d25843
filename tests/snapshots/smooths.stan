// y ~ f + s(x, k = 6) + s(z, by = f, k = 5) + (1 | g)
// sigma ~ s(z, k = 5)
// family gaussian (links mu: identity, sigma: log)
data {
  int<lower=0> N;  // rows
  vector[N] Y;  // response y
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, without the intercept
  matrix[N, K] X;  // design of f
  vector[Kc] means_X;  // column means of X
  int<lower=0> Ks;  // unpenalised columns of the smooths
  matrix[N, Ks] Xs;  // their design
  int<lower=0> nb_1;  // blocks of s(x, k = 6)
  array[nb_1] int<lower=1> knots_1;  // columns of each block
  matrix[N, knots_1[1]] Zs_1_1;  // block 1 of s(x, k = 6)
  int<lower=0> nb_2;  // blocks of s(z, by = f, k = 5), low
  array[nb_2] int<lower=1> knots_2;  // columns of each block
  matrix[N, knots_2[1]] Zs_2_1;  // block 1 of s(z, by = f, k = 5), low
  int<lower=0> nb_3;  // blocks of s(z, by = f, k = 5), mid
  array[nb_3] int<lower=1> knots_3;  // columns of each block
  matrix[N, knots_3[1]] Zs_3_1;  // block 1 of s(z, by = f, k = 5), mid
  int<lower=0> nb_4;  // blocks of s(z, by = f, k = 5), top
  array[nb_4] int<lower=1> knots_4;  // columns of each block
  matrix[N, knots_4[1]] Zs_4_1;  // block 1 of s(z, by = f, k = 5), top
  vector[N] Z_1_1;  // Intercept of (1 | g)
  int<lower=0> Ks_sigma;  // unpenalised columns of the smooths of sigma
  matrix[N, Ks_sigma] Xs_sigma;  // their design
  int<lower=0> nb_sigma_1;  // blocks of s(z, k = 5)
  array[nb_sigma_1] int<lower=1> knots_sigma_1;  // columns of each block
  matrix[N, knots_sigma_1[1]] Zs_sigma_1_1;  // block 1 of s(z, k = 5)
  int<lower=1> N_1;  // levels of g
  int<lower=1> M_1;  // coefficients per level of g
  array[N] int<lower=1, upper=N_1> J_1;  // level of g in each row
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_sds_1;  // scale of the default prior of sds_1
  real<lower=0> prior_scale_sds_2;  // scale of the default prior of sds_2
  real<lower=0> prior_scale_sds_3;  // scale of the default prior of sds_3
  real<lower=0> prior_scale_sds_4;  // scale of the default prior of sds_4
  real<lower=0> prior_scale_Intercept_sigma;  // scale of the default prior of Intercept_sigma
  real<lower=0> prior_scale_sds_sigma_1;  // scale of the default prior of sds_sigma_1
  real<lower=0> prior_scale_sd_1;  // scale of the default prior of sd_1
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc] Xc = X[, 2:K] - rep_matrix(means_X', N);  // centred design
}
parameters {
  vector[Kc] b;  // population-level effects
  real Intercept;  // intercept of the centred design
  vector[Ks] bs;  // unpenalised coefficients of the smooths
  vector[knots_1[1]] zs_1_1;  // standardised coefficients
  vector<lower=0>[nb_1] sds_1;  // standard deviations of s(x, k = 6)
  vector[knots_2[1]] zs_2_1;  // standardised coefficients
  vector<lower=0>[nb_2] sds_2;  // standard deviations of s(z, by = f, k = 5)
  vector[knots_3[1]] zs_3_1;  // standardised coefficients
  vector<lower=0>[nb_3] sds_3;  // standard deviations of s(z, by = f, k = 5)
  vector[knots_4[1]] zs_4_1;  // standardised coefficients
  vector<lower=0>[nb_4] sds_4;  // standard deviations of s(z, by = f, k = 5)
  real Intercept_sigma;  // intercept of sigma
  vector[Ks_sigma] bs_sigma;  // unpenalised coefficients of the smooths of sigma
  vector[knots_sigma_1[1]] zs_sigma_1_1;  // standardised coefficients
  vector<lower=0>[nb_sigma_1] sds_sigma_1;  // standard deviations of s(z, k = 5)
  vector<lower=0>[M_1] sd_1;  // standard deviations of the effects of g
  array[M_1] vector[N_1] z_1;  // standardised effects
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += student_t_lpdf(sds_1 | 3, 0, prior_scale_sds_1) - student_t_lccdf(0 | 3, 0, prior_scale_sds_1);
  lprior += student_t_lpdf(sds_2 | 3, 0, prior_scale_sds_2) - student_t_lccdf(0 | 3, 0, prior_scale_sds_2);
  lprior += student_t_lpdf(sds_3 | 3, 0, prior_scale_sds_3) - student_t_lccdf(0 | 3, 0, prior_scale_sds_3);
  lprior += student_t_lpdf(sds_4 | 3, 0, prior_scale_sds_4) - student_t_lccdf(0 | 3, 0, prior_scale_sds_4);
  lprior += student_t_lpdf(Intercept_sigma | 3, 0, prior_scale_Intercept_sigma);
  lprior += student_t_lpdf(sds_sigma_1 | 3, 0, prior_scale_sds_sigma_1) - student_t_lccdf(0 | 3, 0, prior_scale_sds_sigma_1);
  lprior += student_t_lpdf(sd_1 | 3, 0, prior_scale_sd_1) - M_1 * student_t_lccdf(0 | 3, 0, prior_scale_sd_1);
}
model {
  if (!prior_only) {
    // effects of g: (1 | g)
    vector[N_1] r_1 = sd_1[1] * z_1[1];
    vector[N] mu = rep_vector(Intercept, N);
    mu += Xc * b;  // f
    mu += Xs * bs
          + Zs_1_1 * (sds_1[1] * zs_1_1)
          + Zs_2_1 * (sds_2[1] * zs_2_1)
          + Zs_3_1 * (sds_3[1] * zs_3_1)
          + Zs_4_1 * (sds_4[1] * zs_4_1);  // s(x, k = 6) + s(z, by = f, k = 5)
    mu += r_1[J_1] .* Z_1_1;  // (1 | g)
    vector[N] sigma = rep_vector(Intercept_sigma, N);
    sigma += Xs_sigma * bs_sigma
          + Zs_sigma_1_1 * (sds_sigma_1[1] * zs_sigma_1_1);  // s(z, k = 5)
    sigma = exp(sigma);
    target += normal_lpdf(Y | mu, sigma);  // y ~ gaussian
  }
  target += lprior;
  target += std_normal_lpdf(zs_1_1 |);
  target += std_normal_lpdf(zs_2_1 |);
  target += std_normal_lpdf(zs_3_1 |);
  target += std_normal_lpdf(zs_4_1 |);
  target += std_normal_lpdf(zs_sigma_1_1 |);
  target += std_normal_lpdf(z_1[1] |);
}
