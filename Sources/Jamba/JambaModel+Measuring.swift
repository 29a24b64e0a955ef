import JambaFormat
import JambaSystem

/// The machine's best rates on the model's threads: the bounds of decode and of prefill.
public struct MachineRates: Sendable {
  /// Bytes per second read from memory; nil where the memory limit leaves no room to measure it.
  public let readBandwidth: Double?
  /// Products of int8 per second.
  public let int8Rate: Double
}

extension JambaModel {
  /// Bytes of weights that decoding one token reads: everything but the experts that it does not go to and the rows of an
  /// embedding matrix of its own.
  public var weightBytesPerToken: Int {
    perToken { role, entry in
      role == .embedding && !configuration.tieWordEmbeddings
        ? entry.byteCount / configuration.vocabSize : entry.byteCount
    }
  }

  /// Products of a weight and an activation that a token of a prompt costs: those of decoding, without the head's.
  public var productsPerToken: Int {
    perToken { role, entry in
      entry.type.isMatrix && role.traits.place.isInLayer ? entry.elementCount : 0
    }
  }

  /// Adds up a measure of all tensors; experts count as often as a token goes to them.
  private func perToken(_ measure: (TensorRole, Entry) -> Int) -> Int {
    var (always, experts) = (0, 0)
    for tensor in ModelTensors(configuration).all {
      guard let entry = file.entry(named: tensor.name) else { continue }
      let amount = measure(tensor.id.role, entry)
      if tensor.id.expert != nil { experts += amount } else { always += amount }
    }
    return always + experts / max(1, configuration.numExperts) * configuration.numExpertsPerTok
  }

  /// Threads that compute.
  public var threadCount: Int { loaded.engine.threadCount }

  /// The instruction set of the kernels in use, such as "avx2".
  public var instructionSetName: String { loaded.engine.instructionSetName }

  /// Measures the machine for about a fifth of a second, with 256 MiB of memory if the limit leaves them.
  public func measureMachine() throws(JambaError) -> MachineRates {
    let byteCount = 256 << 20
    let reservation = MemoryBudget.Reservation(loaded.memory.budget)
    do throws(JambaError) { try reservation.grow(to: byteCount, context: 0) } catch {
      return MachineRates(readBandwidth: nil, int8Rate: loaded.engine.measureMultiplyRate())
    }
    let buffer: AlignedBuffer
    do throws(SystemError) { buffer = try AlignedBuffer(byteCount: byteCount) } catch {
      throw .outOfMemory(byteCount: byteCount)
    }
    unsafe buffer.bytes.initializeMemory(as: UInt8.self, repeating: 1)
    return MachineRates(readBandwidth: loaded.engine.measureReadRate(buffer), int8Rate: loaded.engine.measureMultiplyRate())
  }
}
