// count ~ gp(x, by = f, cmc = FALSE, cov = "exponential") + gp(z, x1, iso = FALSE, cov = "matern32")
// shape ~ gp(x, by = z, cov = "matern32", gr = FALSE)
// family negbinomial (links mu: log, shape: log)
functions {
  /* Values of a Gaussian process at the points x. */
  vector gp_exponential(data array[] vector x, real sdgp, vector lscale, vector zgp) {
    matrix[size(x), size(x)] cov = gp_exponential_cov(x, sdgp, lscale[1]);
    // A little on the diagonal keeps the matrix positive definite in floating point numbers.
    return cholesky_decompose(add_diag(cov, 1e-12)) * zgp;
  }
  /* Values of a Gaussian process at the points x, with a length scale for each dimension. */
  vector gp_matern32_by_dim(data array[] vector x, real sdgp, vector lscale, vector zgp) {
    array[size(x)] vector[size(lscale)] scaled;
    for (i in 1:size(x)) {
      scaled[i] = x[i] ./ lscale;
    }
    matrix[size(x), size(x)] cov = gp_matern32_cov(scaled, sdgp, 1.0);
    // A little on the diagonal keeps the matrix positive definite in floating point numbers.
    return cholesky_decompose(add_diag(cov, 1e-12)) * zgp;
  }
  /* Values of a Gaussian process at the points x. */
  vector gp_matern32(data array[] vector x, real sdgp, vector lscale, vector zgp) {
    matrix[size(x), size(x)] cov = gp_matern32_cov(x, sdgp, lscale[1]);
    // A little on the diagonal keeps the matrix positive definite in floating point numbers.
    return cholesky_decompose(add_diag(cov, 1e-12)) * zgp;
  }
}
data {
  int<lower=0> N;  // rows
  array[N] int Y;  // response count
  int<lower=1> Dgp_1;  // covariates of gp(x, by = f, cmc = FALSE, cov = "exponential")
  int<lower=1> Kgp_1;  // processes
  array[Kgp_1] int<lower=0> Ngp_1;  // rows of each
  array[Kgp_1] int<lower=0> Nsubgp_1;  // different points
  array[Ngp_1[1]] int<lower=1, upper=N> Igp_1_1;  // rows of gpxfIntercept
  vector[Ngp_1[1]] Cgp_1_1;  // what it is multiplied with
  array[Ngp_1[1]] int<lower=1, upper=Nsubgp_1[1]> Jgp_1_1;  // point of each row
  array[Nsubgp_1[1]] vector[Dgp_1] Xgp_1_1;  // points
  array[Ngp_1[2]] int<lower=1, upper=N> Igp_1_2;  // rows of gpxfmid
  vector[Ngp_1[2]] Cgp_1_2;  // what it is multiplied with
  array[Ngp_1[2]] int<lower=1, upper=Nsubgp_1[2]> Jgp_1_2;  // point of each row
  array[Nsubgp_1[2]] vector[Dgp_1] Xgp_1_2;  // points
  array[Ngp_1[3]] int<lower=1, upper=N> Igp_1_3;  // rows of gpxftop
  vector[Ngp_1[3]] Cgp_1_3;  // what it is multiplied with
  array[Ngp_1[3]] int<lower=1, upper=Nsubgp_1[3]> Jgp_1_3;  // point of each row
  array[Nsubgp_1[3]] vector[Dgp_1] Xgp_1_3;  // points
  int<lower=1> Dgp_2;  // covariates of gp(z, x1, iso = FALSE, cov = "matern32")
  int<lower=1> Kgp_2;  // processes
  int<lower=0> Nsubgp_2;  // different points
  array[N] int<lower=1, upper=Nsubgp_2> Jgp_2;  // point of each row
  array[Nsubgp_2] vector[Dgp_2] Xgp_2;  // points
  int<lower=1> Dgp_shape_1;  // covariates of gp(x, by = z, cov = "matern32", gr = FALSE)
  int<lower=1> Kgp_shape_1;  // processes
  vector[N] Cgp_shape_1;  // what it is multiplied with
  array[N] vector[Dgp_shape_1] Xgp_shape_1;  // points
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_sdgp_1;  // scale of the default prior of sdgp_1
  array[Kgp_1] vector[1] prior_shape_lscale_1;  // shape of the default prior of lscale_1
  array[Kgp_1] vector<lower=0>[1] prior_scale_lscale_1;  // scale of the default prior of lscale_1
  real<lower=0> prior_scale_sdgp_2;  // scale of the default prior of sdgp_2
  array[Kgp_2] vector[Dgp_2] prior_shape_lscale_2;  // shape of the default prior of lscale_2
  array[Kgp_2] vector<lower=0>[Dgp_2] prior_scale_lscale_2;  // scale of the default prior of lscale_2
  real<lower=0> prior_scale_sdgp_shape_1;  // scale of the default prior of sdgp_shape_1
  array[Kgp_shape_1] vector[1] prior_shape_lscale_shape_1;  // shape of the default prior of lscale_shape_1
  array[Kgp_shape_1] vector<lower=0>[1] prior_scale_lscale_shape_1;  // scale of the default prior of lscale_shape_1
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
parameters {
  real Intercept;  // intercept
  vector<lower=0>[Kgp_1] sdgp_1;  // standard deviations of gp(x, by = f, cmc = FALSE, cov = "exponential")
  array[Kgp_1] vector<lower=0>[1] lscale_1;  // length scales
  vector[Nsubgp_1[1]] zgp_1_1;  // standardised coefficients
  vector[Nsubgp_1[2]] zgp_1_2;  // standardised coefficients
  vector[Nsubgp_1[3]] zgp_1_3;  // standardised coefficients
  vector<lower=0>[Kgp_2] sdgp_2;  // standard deviations of gp(z, x1, iso = FALSE, cov = "matern32")
  array[Kgp_2] vector<lower=0>[Dgp_2] lscale_2;  // length scales
  vector[Nsubgp_2] zgp_2;  // standardised coefficients
  real Intercept_shape;  // intercept of shape
  vector<lower=0>[Kgp_shape_1] sdgp_shape_1;  // standard deviations of gp(x, by = z, cov = "matern32", gr = FALSE)
  array[Kgp_shape_1] vector<lower=0>[1] lscale_shape_1;  // length scales
  vector[N] zgp_shape_1;  // standardised coefficients
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += student_t_lpdf(sdgp_1 | 3, 0, prior_scale_sdgp_1) - Kgp_1 * student_t_lccdf(0 | 3, 0, prior_scale_sdgp_1);
  for (k in 1:Kgp_1) lprior += inv_gamma_lpdf(lscale_1[k] | prior_shape_lscale_1[k], prior_scale_lscale_1[k]);
  lprior += student_t_lpdf(sdgp_2 | 3, 0, prior_scale_sdgp_2) - Kgp_2 * student_t_lccdf(0 | 3, 0, prior_scale_sdgp_2);
  for (k in 1:Kgp_2) lprior += inv_gamma_lpdf(lscale_2[k] | prior_shape_lscale_2[k], prior_scale_lscale_2[k]);
  lprior += student_t_lpdf(Intercept_shape | 3, 0, 2.5);
  lprior += student_t_lpdf(sdgp_shape_1 | 3, 0, prior_scale_sdgp_shape_1) - Kgp_shape_1 * student_t_lccdf(0 | 3, 0, prior_scale_sdgp_shape_1);
  for (k in 1:Kgp_shape_1) lprior += inv_gamma_lpdf(lscale_shape_1[k] | prior_shape_lscale_shape_1[k], prior_scale_lscale_shape_1[k]);
}
model {
  if (!prior_only) {
    vector[N] gp_1 = rep_vector(0, N);  // gp(x, by = f, cmc = FALSE, cov = "exponential")
    gp_1[Igp_1_1] += Cgp_1_1 .* (gp_exponential(Xgp_1_1, sdgp_1[1], lscale_1[1], zgp_1_1))[Jgp_1_1];  // gpxfIntercept
    gp_1[Igp_1_2] += Cgp_1_2 .* (gp_exponential(Xgp_1_2, sdgp_1[2], lscale_1[2], zgp_1_2))[Jgp_1_2];  // gpxfmid
    gp_1[Igp_1_3] += Cgp_1_3 .* (gp_exponential(Xgp_1_3, sdgp_1[3], lscale_1[3], zgp_1_3))[Jgp_1_3];  // gpxftop
    vector[Nsubgp_2] gp_2 = gp_matern32_by_dim(Xgp_2, sdgp_2[1], lscale_2[1], zgp_2);  // gp(z, x1, iso = FALSE, cov = "matern32")
    vector[N] gp_shape_1 = gp_matern32(Xgp_shape_1, sdgp_shape_1[1], lscale_shape_1[1], zgp_shape_1);  // gp(x, by = z, cov = "matern32", gr = FALSE)
    vector[N] mu = rep_vector(Intercept, N);
    mu += gp_1;  // gp(x, by = f, cmc = FALSE, cov = "exponential")
    mu += gp_2[Jgp_2];  // gp(z, x1, iso = FALSE, cov = "matern32")
    vector[N] shape = rep_vector(Intercept_shape, N);
    shape += Cgp_shape_1 .* (gp_shape_1);  // gp(x, by = z, cov = "matern32", gr = FALSE)
    shape = exp(shape);
    target += neg_binomial_2_log_lpmf(Y | mu, shape);  // count ~ negbinomial
  }
  target += lprior;
  target += std_normal_lpdf(zgp_1_1 |);
  target += std_normal_lpdf(zgp_1_2 |);
  target += std_normal_lpdf(zgp_1_3 |);
  target += std_normal_lpdf(zgp_2 |);
  target += std_normal_lpdf(zgp_shape_1 |);
}
