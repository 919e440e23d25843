/* Log density of a conditional autoregression without its constant (Joseph 2016): the precision
 * matrix is (D - car W) / sdcar^2, with W the adjacency matrix and D the numbers of neighbours.
 */
real car_sparse_lpdf(
    vector phi, real car, real sdcar, data vector Nneigh, data vector eigenMcar,
    data array[] int edges1, data array[] int edges2) {
  real form = dot_product(square(phi), Nneigh) - 2 * car * dot_product(phi[edges1], phi[edges2]);
  return 0.5 * sum(log1m(car * eigenMcar)) - size(phi) * log(sdcar) - 0.5 * form / square(sdcar);
}
