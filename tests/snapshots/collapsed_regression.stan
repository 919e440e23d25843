// y ~ x + f
// family gaussian (links mu: identity)
// rows rotated until few are left
data {
  int<lower=1> Kc;  // centred columns, without the intercept
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_sigma;  // scale of the default prior of sigma
  real<lower=0> nobs;  // rows, each as often as its weight says
  int<lower=0> P;  // population-level columns, with the intercept
  int<lower=0> Nrest;  // rows that hold all cross-products
  vector[Nrest] Yrest;  // rotated response
  matrix[Nrest, P] Xrest;  // rotated design
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
parameters {
  vector[Kc] b;  // population-level effects
  real Intercept;  // intercept of the centred design
  real<lower=0> sigma;  // sigma of the gaussian family
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += student_t_lpdf(sigma | 3, 0, prior_scale_sigma) - student_t_lccdf(0 | 3, 0, prior_scale_sigma);
}
model {
  if (!prior_only) {
    vector[P] beta = append_row(Intercept, b);
    target += -0.5 * dot_self(Yrest - Xrest * beta) / square(sigma) - nobs * (0.5 * log(2 * pi()) + log(sigma));  // all rows
  }
  target += lprior;
}
