/// Introsort (Musser 1997): quicksort, and heapsort where that goes wrong. Not stable; allocates nothing.
enum InPlaceSort {
  private static let shortest = 16

  @inline(__always)
  static func sort<Element>(
    _ list: inout UnsafeMutableBufferPointer<Element>, by precedes: (Element, Element) -> Bool
  ) {
    let depth = 2 * (Int.bitWidth - list.count.leadingZeroBitCount)
    unsafe sort(&list, 0, list.count, depth, precedes)
  }

  private static func sort<Element>(
    _ list: inout UnsafeMutableBufferPointer<Element>, _ start: Int, _ end: Int, _ depth: Int,
    _ precedes: (Element, Element) -> Bool
  ) {
    var (start, end, depth) = (start, end, depth)
    while end - start > shortest {
      guard depth > 0 else { return unsafe heapSort(&list, start, end, precedes) }
      depth -= 1
      let middle = unsafe partition(&list, start, end, precedes)
      // The shorter part by recursion, so that the stack stays small.
      if middle - start < end - middle {
        unsafe sort(&list, start, middle, depth, precedes)
        start = middle
      } else {
        unsafe sort(&list, middle, end, depth, precedes)
        end = middle
      }
    }
    unsafe insertionSort(&list, start, end, precedes)
  }

  /// Hoare's partition around the median of three. - Returns: where the second part begins; neither is empty.
  private static func partition<Element>(
    _ list: inout UnsafeMutableBufferPointer<Element>, _ start: Int, _ end: Int,
    _ precedes: (Element, Element) -> Bool
  ) -> Int {
    let middle = start + (end - start) / 2
    if unsafe precedes(list[middle], list[start]) { unsafe list.swapAt(middle, start) }
    if unsafe precedes(list[end - 1], list[middle]) {
      unsafe list.swapAt(end - 1, middle)
      if unsafe precedes(list[middle], list[start]) { unsafe list.swapAt(middle, start) }
    }
    // Both ends stop the searches, and the first exchange moves `low` on: it ends behind start and before end.
    let pivot = unsafe list[middle]
    var (low, high) = (start, end - 1)
    while true {
      while unsafe precedes(list[low], pivot) { low += 1 }
      while unsafe precedes(pivot, list[high]) { high -= 1 }
      guard low < high else { return low }
      unsafe list.swapAt(low, high)
      low += 1
      high -= 1
    }
  }

  private static func insertionSort<Element>(
    _ list: inout UnsafeMutableBufferPointer<Element>, _ start: Int, _ end: Int,
    _ precedes: (Element, Element) -> Bool
  ) {
    for place in stride(from: start + 1, to: end, by: 1) {
      let element = unsafe list[place]
      var hole = place
      while hole > start, unsafe precedes(element, list[hole - 1]) {
        unsafe list[hole] = list[hole - 1]
        hole -= 1
      }
      unsafe list[hole] = element
    }
  }

  private static func heapSort<Element>(
    _ list: inout UnsafeMutableBufferPointer<Element>, _ start: Int, _ end: Int,
    _ precedes: (Element, Element) -> Bool
  ) {
    /// Lets the root of a heap, whose top comes last, sink to its place.
    func sink(_ root: Int, _ count: Int) {
      var parent = root
      while 2 * parent + 1 < count {
        var child = 2 * parent + 1
        if child + 1 < count, unsafe precedes(list[start + child], list[start + child + 1]) { child += 1 }
        guard unsafe precedes(list[start + parent], list[start + child]) else { return }
        unsafe list.swapAt(start + parent, start + child)
        parent = child
      }
    }
    let count = end - start
    for root in (0..<count / 2).reversed() { sink(root, count) }
    for last in stride(from: count - 1, to: 0, by: -1) {
      unsafe list.swapAt(start, start + last)
      sink(0, last)
    }
  }
}
