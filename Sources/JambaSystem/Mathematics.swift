#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

// Functions of the C library, for modules that import no Foundation.

/// e to the power of x, in double precision.
package func exponential(_ x: Double) -> Double { exp(x) }

package func decimalLogarithm(_ x: Double) -> Double { log10(x) }

/// `base` to the power of `exponent`, in double precision.
package func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }

/// log2(x), the C library's.
package func binaryLogarithm(_ x: Double) -> Double { log2(x) }
