// y ~ f + gp(x, z, by = f, iso = FALSE, k = 3) + gp(x1, k = 5)
// sigma ~ gp(z, by = x, k = 4, gr = FALSE, cov = "matern52")
// family gaussian (links mu: identity, sigma: log)
functions {
  /* Roots of the spectral density of the covariance exp_quad at the frequencies slambda,
   * with a length scale for each dimension.
   */
  vector gp_root_exp_quad_by_dim(data array[] vector slambda, real sdgp, vector lscale) {
    vector[size(slambda)] squares;
    real log_volume = sum(log(lscale));
    for (j in 1:size(slambda)) {
      squares[j] = dot_self(lscale .* slambda[j]);
    }
    real log_constant = 0.5 * size(slambda[1]) * log(2 * pi());
    return sdgp * exp(0.5 * (log_volume + log_constant) - 0.25 * squares);
  }
  /* Roots of the spectral density of the covariance exp_quad at the frequencies slambda.
   */
  vector gp_root_exp_quad(data array[] vector slambda, real sdgp, vector lscale) {
    vector[size(slambda)] squares;
    real log_volume = size(slambda[1]) * log(lscale[1]);
    for (j in 1:size(slambda)) {
      squares[j] = square(lscale[1]) * dot_self(slambda[j]);
    }
    real log_constant = 0.5 * size(slambda[1]) * log(2 * pi());
    return sdgp * exp(0.5 * (log_volume + log_constant) - 0.25 * squares);
  }
  /* Roots of the spectral density of the covariance matern52 at the frequencies slambda.
   */
  vector gp_root_matern52(data array[] vector slambda, real sdgp, vector lscale) {
    vector[size(slambda)] squares;
    real log_volume = size(slambda[1]) * log(lscale[1]);
    for (j in 1:size(slambda)) {
      squares[j] = square(lscale[1]) * dot_self(slambda[j]);
    }
    real power = 2.5 + 0.5 * size(slambda[1]);  // smoothness 2.5
    real log_constant = size(slambda[1]) * log(2 * sqrt(pi())) + lgamma(power) - lgamma(2.5)
                        + 2.5 * log(5.0);
    return sdgp * exp(0.5 * (log_volume + log_constant) - 0.5 * power * log(5.0 + squares));
  }
}
data {
  int<lower=0> N;  // rows
  vector[N] Y;  // response y
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, without the intercept
  matrix[N, K] X;  // design of f
  vector[Kc] means_X;  // column means of X
  int<lower=1> Dgp_1;  // covariates of gp(x, z, by = f, iso = FALSE, k = 3)
  int<lower=1> Kgp_1;  // processes
  int<lower=1> NBgp_1;  // functions of each process
  array[Kgp_1] int<lower=0> Ngp_1;  // rows of each
  array[Kgp_1] int<lower=0> Nsubgp_1;  // different points
  array[Ngp_1[1]] int<lower=1, upper=N> Igp_1_1;  // rows of gpxzflow
  vector[Ngp_1[1]] Cgp_1_1;  // what it is multiplied with
  array[Ngp_1[1]] int<lower=1, upper=Nsubgp_1[1]> Jgp_1_1;  // point of each row
  matrix[Nsubgp_1[1], NBgp_1] Xgp_1_1;  // values of the functions
  array[NBgp_1] vector[Dgp_1] slambda_1_1;  // roots of their eigenvalues
  array[Ngp_1[2]] int<lower=1, upper=N> Igp_1_2;  // rows of gpxzfmid
  vector[Ngp_1[2]] Cgp_1_2;  // what it is multiplied with
  array[Ngp_1[2]] int<lower=1, upper=Nsubgp_1[2]> Jgp_1_2;  // point of each row
  matrix[Nsubgp_1[2], NBgp_1] Xgp_1_2;  // values of the functions
  array[NBgp_1] vector[Dgp_1] slambda_1_2;  // roots of their eigenvalues
  array[Ngp_1[3]] int<lower=1, upper=N> Igp_1_3;  // rows of gpxzftop
  vector[Ngp_1[3]] Cgp_1_3;  // what it is multiplied with
  array[Ngp_1[3]] int<lower=1, upper=Nsubgp_1[3]> Jgp_1_3;  // point of each row
  matrix[Nsubgp_1[3], NBgp_1] Xgp_1_3;  // values of the functions
  array[NBgp_1] vector[Dgp_1] slambda_1_3;  // roots of their eigenvalues
  int<lower=1> Dgp_2;  // covariates of gp(x1, k = 5)
  int<lower=1> Kgp_2;  // processes
  int<lower=1> NBgp_2;  // functions of each process
  int<lower=0> Nsubgp_2;  // different points
  array[N] int<lower=1, upper=Nsubgp_2> Jgp_2;  // point of each row
  matrix[Nsubgp_2, NBgp_2] Xgp_2;  // values of the functions
  array[NBgp_2] vector[Dgp_2] slambda_2;  // roots of their eigenvalues
  int<lower=1> Dgp_sigma_1;  // covariates of gp(z, by = x, k = 4, gr = FALSE, cov = "matern52")
  int<lower=1> Kgp_sigma_1;  // processes
  int<lower=1> NBgp_sigma_1;  // functions of each process
  vector[N] Cgp_sigma_1;  // what it is multiplied with
  matrix[N, NBgp_sigma_1] Xgp_sigma_1;  // values of the functions
  array[NBgp_sigma_1] vector[Dgp_sigma_1] slambda_sigma_1;  // roots of their eigenvalues
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_sdgp_1;  // scale of the default prior of sdgp_1
  array[Kgp_1] vector[Dgp_1] prior_shape_lscale_1;  // shape of the default prior of lscale_1
  array[Kgp_1] vector<lower=0>[Dgp_1] prior_scale_lscale_1;  // scale of the default prior of lscale_1
  real<lower=0> prior_scale_sdgp_2;  // scale of the default prior of sdgp_2
  array[Kgp_2] vector[1] prior_shape_lscale_2;  // shape of the default prior of lscale_2
  array[Kgp_2] vector<lower=0>[1] prior_scale_lscale_2;  // scale of the default prior of lscale_2
  real<lower=0> prior_scale_Intercept_sigma;  // scale of the default prior of Intercept_sigma
  real<lower=0> prior_scale_sdgp_sigma_1;  // scale of the default prior of sdgp_sigma_1
  array[Kgp_sigma_1] vector[1] prior_shape_lscale_sigma_1;  // shape of the default prior of lscale_sigma_1
  array[Kgp_sigma_1] vector<lower=0>[1] prior_scale_lscale_sigma_1;  // scale of the default prior of lscale_sigma_1
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc] Xc = X[, 2:K] - rep_matrix(means_X', N);  // centred design
}
parameters {
  vector[Kc] b;  // population-level effects
  real Intercept;  // intercept of the centred design
  vector<lower=0>[Kgp_1] sdgp_1;  // standard deviations of gp(x, z, by = f, iso = FALSE, k = 3)
  array[Kgp_1] vector<lower=0>[Dgp_1] lscale_1;  // length scales
  vector[NBgp_1] zgp_1_1;  // standardised coefficients
  vector[NBgp_1] zgp_1_2;  // standardised coefficients
  vector[NBgp_1] zgp_1_3;  // standardised coefficients
  vector<lower=0>[Kgp_2] sdgp_2;  // standard deviations of gp(x1, k = 5)
  array[Kgp_2] vector<lower=0>[1] lscale_2;  // length scales
  vector[NBgp_2] zgp_2;  // standardised coefficients
  real Intercept_sigma;  // intercept of sigma
  vector<lower=0>[Kgp_sigma_1] sdgp_sigma_1;  // standard deviations of gp(z, by = x, k = 4, gr = FALSE, cov = "matern52")
  array[Kgp_sigma_1] vector<lower=0>[1] lscale_sigma_1;  // length scales
  vector[NBgp_sigma_1] zgp_sigma_1;  // standardised coefficients
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += student_t_lpdf(sdgp_1 | 3, 0, prior_scale_sdgp_1) - Kgp_1 * student_t_lccdf(0 | 3, 0, prior_scale_sdgp_1);
  for (k in 1:Kgp_1) lprior += inv_gamma_lpdf(lscale_1[k] | prior_shape_lscale_1[k], prior_scale_lscale_1[k]);
  lprior += student_t_lpdf(sdgp_2 | 3, 0, prior_scale_sdgp_2) - Kgp_2 * student_t_lccdf(0 | 3, 0, prior_scale_sdgp_2);
  for (k in 1:Kgp_2) lprior += inv_gamma_lpdf(lscale_2[k] | prior_shape_lscale_2[k], prior_scale_lscale_2[k]);
  lprior += student_t_lpdf(Intercept_sigma | 3, 0, prior_scale_Intercept_sigma);
  lprior += student_t_lpdf(sdgp_sigma_1 | 3, 0, prior_scale_sdgp_sigma_1) - Kgp_sigma_1 * student_t_lccdf(0 | 3, 0, prior_scale_sdgp_sigma_1);
  for (k in 1:Kgp_sigma_1) lprior += inv_gamma_lpdf(lscale_sigma_1[k] | prior_shape_lscale_sigma_1[k], prior_scale_lscale_sigma_1[k]);
}
model {
  if (!prior_only) {
    vector[N] gp_1 = rep_vector(0, N);  // gp(x, z, by = f, iso = FALSE, k = 3)
    gp_1[Igp_1_1] += Cgp_1_1 .* (Xgp_1_1 * (gp_root_exp_quad_by_dim(slambda_1_1, sdgp_1[1], lscale_1[1]) .* zgp_1_1))[Jgp_1_1];  // gpxzflow
    gp_1[Igp_1_2] += Cgp_1_2 .* (Xgp_1_2 * (gp_root_exp_quad_by_dim(slambda_1_2, sdgp_1[2], lscale_1[2]) .* zgp_1_2))[Jgp_1_2];  // gpxzfmid
    gp_1[Igp_1_3] += Cgp_1_3 .* (Xgp_1_3 * (gp_root_exp_quad_by_dim(slambda_1_3, sdgp_1[3], lscale_1[3]) .* zgp_1_3))[Jgp_1_3];  // gpxzftop
    vector[Nsubgp_2] gp_2 = Xgp_2 * (gp_root_exp_quad(slambda_2, sdgp_2[1], lscale_2[1]) .* zgp_2);  // gp(x1, k = 5)
    vector[NBgp_sigma_1] gp_sigma_1 = gp_root_matern52(slambda_sigma_1, sdgp_sigma_1[1], lscale_sigma_1[1]) .* zgp_sigma_1;  // gp(z, by = x, k = 4, gr = FALSE, cov = "matern52")
    vector[N] mu = rep_vector(Intercept, N);
    mu += Xc * b;  // f
    mu += gp_1;  // gp(x, z, by = f, iso = FALSE, k = 3)
    mu += gp_2[Jgp_2];  // gp(x1, k = 5)
    vector[N] sigma = rep_vector(Intercept_sigma, N);
    sigma += Cgp_sigma_1 .* (Xgp_sigma_1 * gp_sigma_1);  // gp(z, by = x, k = 4, gr = FALSE, cov = "matern52")
    sigma = exp(sigma);
    target += normal_lpdf(Y | mu, sigma);  // y ~ gaussian
  }
  target += lprior;
  target += std_normal_lpdf(zgp_1_1 |);
  target += std_normal_lpdf(zgp_1_2 |);
  target += std_normal_lpdf(zgp_1_3 |);
  target += std_normal_lpdf(zgp_2 |);
  target += std_normal_lpdf(zgp_sigma_1 |);
}
