// count ~ x + car(B, gr = patient)
// shape ~ car(B, gr = patient, type = "bym2")
// family negbinomial (links mu: log, shape: log)
functions {
  /* Log density of a conditional autoregression without its constant (Joseph 2016): the precision
   * matrix is (D - car W) / sdcar^2, with W the adjacency matrix and D the numbers of neighbours.
   */
  real car_sparse_lpdf(
      vector phi, real car, real sdcar, data vector Nneigh, data vector eigenMcar,
      data array[] int edges1, data array[] int edges2) {
    real form = dot_product(square(phi), Nneigh) - 2 * car * dot_product(phi[edges1], phi[edges2]);
    return 0.5 * sum(log1m(car * eigenMcar)) - size(phi) * log(sdcar) - 0.5 * form / square(sdcar);
  }
}
data {
  int<lower=0> N;  // rows
  array[N] int Y;  // response count
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, without the intercept
  matrix[N, K] X;  // design of x
  vector[Kc] means_X;  // column means of X
  int<lower=1> Nloc;  // locations of car(B, gr = patient)
  array[N] int<lower=1, upper=Nloc> Jloc;  // location of each row
  int<lower=0> Nedges;  // pairs of neighbours
  array[Nedges] int<lower=1, upper=Nloc> edges1;  // one location of each pair
  array[Nedges] int<lower=1, upper=Nloc> edges2;  // the other one
  vector[Nloc] Nneigh;  // neighbours of each location
  vector[Nloc] eigenMcar;  // eigenvalues of the scaled adjacency matrix
  int<lower=1> Nloc_shape;  // locations of car(B, gr = patient, type = "bym2")
  array[N] int<lower=1, upper=Nloc_shape> Jloc_shape;  // location of each row
  int<lower=0> Nedges_shape;  // pairs of neighbours
  array[Nedges_shape] int<lower=1, upper=Nloc_shape> edges1_shape;  // one location of each pair
  array[Nedges_shape] int<lower=1, upper=Nloc_shape> edges2_shape;  // the other one
  real<lower=0> car_scale_shape;  // typical variance of structured effects
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_sdcar;  // scale of the default prior of sdcar
  real<lower=0> prior_scale_sdcar_shape;  // scale of the default prior of sdcar_shape
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc] Xc = X[, 2:K] - rep_matrix(means_X', N);  // centred design
}
parameters {
  vector[Kc] b;  // population-level effects
  real Intercept;  // intercept of the centred design
  real<lower=0> sdcar;  // standard deviation of spatial effects
  vector[Nloc] rcar;  // spatial effects
  real<lower=0, upper=1> car;  // spatial correlation
  real Intercept_shape;  // intercept of shape
  real<lower=0> sdcar_shape;  // standard deviation of spatial effects
  vector[Nloc_shape] zcar_shape;  // standardised spatial effects
  vector[Nloc_shape] nszcar_shape;  // standardised effects without structure
  real<lower=0, upper=1> rhocar_shape;  // share of the structured effects in the variance
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += student_t_lpdf(sdcar | 3, 0, prior_scale_sdcar) - student_t_lccdf(0 | 3, 0, prior_scale_sdcar);
  lprior += student_t_lpdf(Intercept_shape | 3, 0, 2.5);
  lprior += student_t_lpdf(sdcar_shape | 3, 0, prior_scale_sdcar_shape) - student_t_lccdf(0 | 3, 0, prior_scale_sdcar_shape);
  lprior += beta_lpdf(rhocar_shape | 1, 1);
}
model {
  if (!prior_only) {
    // a mixture of structured effects, whose variance is scaled to 1, and unstructured ones
    vector[Nloc_shape] rcar_shape = (sqrt(1 - rhocar_shape) * nszcar_shape + sqrt(rhocar_shape * inv(car_scale_shape)) * zcar_shape) * sdcar_shape;
    vector[N] mu = rep_vector(Intercept, N);
    mu += Xc * b;  // x
    mu += rcar[Jloc];  // car(B, gr = patient)
    vector[N] shape = rep_vector(Intercept_shape, N);
    shape += rcar_shape[Jloc_shape];  // car(B, gr = patient, type = "bym2")
    shape = exp(shape);
    target += neg_binomial_2_log_lpmf(Y | mu, shape);  // count ~ negbinomial
  }
  target += lprior;
  target += car_sparse_lpdf(rcar | car, sdcar, Nneigh, eigenMcar, edges1, edges2);
  target += -0.5 * dot_self(zcar_shape[edges1_shape] - zcar_shape[edges2_shape]);
  target += normal_lpdf(sum(zcar_shape) | 0, 0.001 * Nloc_shape);  // soft sum-to-zero constraint
  target += std_normal_lpdf(nszcar_shape |);
}
