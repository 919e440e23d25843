// count ~ t2(x, z, k = 4) + s(g, bs = "re")
// family poisson (links mu: log)
data {
  int<lower=0> N;  // rows
  array[N] int Y;  // response count
  int<lower=0> Ks;  // unpenalised columns of the smooths
  matrix[N, Ks] Xs;  // their design
  int<lower=0> nb_1;  // blocks of t2(x, z, k = 4)
  array[nb_1] int<lower=1> knots_1;  // columns of each block
  matrix[N, knots_1[1]] Zs_1_1;  // block 1 of t2(x, z, k = 4)
  matrix[N, knots_1[2]] Zs_1_2;  // block 2 of t2(x, z, k = 4)
  matrix[N, knots_1[3]] Zs_1_3;  // block 3 of t2(x, z, k = 4)
  int<lower=0> nb_2;  // blocks of s(g, bs = "re")
  array[nb_2] int<lower=1> knots_2;  // columns of each block
  matrix[N, knots_2[1]] Zs_2_1;  // block 1 of s(g, bs = "re")
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_sds_1;  // scale of the default prior of sds_1
  real<lower=0> prior_scale_sds_2;  // scale of the default prior of sds_2
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
parameters {
  real Intercept;  // intercept
  vector[Ks] bs;  // unpenalised coefficients of the smooths
  vector[knots_1[1]] zs_1_1;  // standardised coefficients
  vector[knots_1[2]] zs_1_2;  // standardised coefficients
  vector[knots_1[3]] zs_1_3;  // standardised coefficients
  vector<lower=0>[nb_1] sds_1;  // standard deviations of t2(x, z, k = 4)
  vector[knots_2[1]] zs_2_1;  // standardised coefficients
  vector<lower=0>[nb_2] sds_2;  // standard deviations of s(g, bs = "re")
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += student_t_lpdf(sds_1 | 3, 0, prior_scale_sds_1) - student_t_lccdf(0 | 3, 0, prior_scale_sds_1);
  lprior += student_t_lpdf(sds_2 | 3, 0, prior_scale_sds_2) - student_t_lccdf(0 | 3, 0, prior_scale_sds_2);
}
model {
  if (!prior_only) {
    vector[N] mu = rep_vector(Intercept, N);
    mu += Xs * bs
          + Zs_1_1 * (sds_1[1] * zs_1_1)
          + Zs_1_2 * (sds_1[2] * zs_1_2)
          + Zs_1_3 * (sds_1[3] * zs_1_3)
          + Zs_2_1 * (sds_2[1] * zs_2_1);  // t2(x, z, k = 4) + s(g, bs = "re")
    target += poisson_log_lpmf(Y | mu);  // count ~ poisson
  }
  target += lprior;
  target += std_normal_lpdf(zs_1_1 |);
  target += std_normal_lpdf(zs_1_2 |);
  target += std_normal_lpdf(zs_1_3 |);
  target += std_normal_lpdf(zs_2_1 |);
}
