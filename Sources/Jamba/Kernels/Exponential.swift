import CKernels

/// e to the power of x, as the kernels compute it: the same bits on every machine.
@inline(__always)
func reproducibleExponential(_ x: Float) -> Float { jk_exp(x) }
