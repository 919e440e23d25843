// y ~ s(x, h, bs = "fs", k = 5) + s(z, k = 4, fx = TRUE)
// family gaussian (links mu: identity)
data {
  int<lower=0> N;  // rows
  vector[N] Y;  // response y
  int<lower=0> Ks;  // unpenalised columns of the smooths
  matrix[N, Ks] Xs;  // their design
  int<lower=0> nb_1;  // blocks of s(x, h, bs = "fs", k = 5)
  array[nb_1] int<lower=1> knots_1;  // columns of each block
  matrix[N, knots_1[1]] Zs_1_1;  // block 1 of s(x, h, bs = "fs", k = 5)
  matrix[N, knots_1[2]] Zs_1_2;  // block 2 of s(x, h, bs = "fs", k = 5)
  matrix[N, knots_1[3]] Zs_1_3;  // block 3 of s(x, h, bs = "fs", k = 5)
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_sds_1;  // scale of the default prior of sds_1
  real<lower=0> prior_scale_sigma;  // scale of the default prior of sigma
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
parameters {
  real Intercept;  // intercept
  vector[Ks] bs;  // unpenalised coefficients of the smooths
  vector[knots_1[1]] zs_1_1;  // standardised coefficients
  vector[knots_1[2]] zs_1_2;  // standardised coefficients
  vector[knots_1[3]] zs_1_3;  // standardised coefficients
  vector<lower=0>[nb_1] sds_1;  // standard deviations of s(x, h, bs = "fs", k = 5)
  real<lower=0> sigma;  // sigma of the gaussian family
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += student_t_lpdf(sds_1 | 3, 0, prior_scale_sds_1) - student_t_lccdf(0 | 3, 0, prior_scale_sds_1);
  lprior += student_t_lpdf(sigma | 3, 0, prior_scale_sigma) - student_t_lccdf(0 | 3, 0, prior_scale_sigma);
}
model {
  if (!prior_only) {
    vector[N] mu = rep_vector(Intercept, N);
    mu += Xs * bs
          + Zs_1_1 * (sds_1[1] * zs_1_1)
          + Zs_1_2 * (sds_1[2] * zs_1_2)
          + Zs_1_3 * (sds_1[3] * zs_1_3);  // s(x, h, bs = "fs", k = 5) + s(z, k = 4, fx = TRUE)
    target += normal_lpdf(Y | mu, sigma);  // y ~ gaussian
  }
  target += lprior;
  target += std_normal_lpdf(zs_1_1 |);
  target += std_normal_lpdf(zs_1_2 |);
  target += std_normal_lpdf(zs_1_3 |);
}
