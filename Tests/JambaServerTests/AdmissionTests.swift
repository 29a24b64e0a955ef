import JambaServer
import Testing

struct AdmissionTests {
  @Test(arguments: [
    ("localhost:8080", "localhost"), ("LocalHost", "localhost"), ("127.0.0.1:1", "127.0.0.1"), ("[::1]:8080", "::1"),
    ("[::1", "["), ("box.lan", "box.lan"), (":80", ""),
  ])
  func hostOfAuthority(_ authority: String, _ host: String) {
    #expect(Admission.host(of: authority) == host)
  }

  @Test(arguments: ["127.0.0.1", "192.168.1.255", "::1", "fe80::1:2", "::ffff:1.2.3.4"])
  func addressesInDigits(_ host: String) { #expect(Admission.isAddress(host)) }

  @Test(arguments: [
    "1.2.3.4.evil.example", "1.2.3", "256.1.1.1", "1.2.3.4.", "0x7f.0.0.1", "", "+1.2.3.4", "evil:example",
  ])
  func namesThatMayLeadAnywhere(_ host: String) { #expect(!Admission.isAddress(host)) }

  @Test func keysAreEqualOnlyToThemselves() {
    let key = Array("secret".utf8)
    #expect(Admission.areEqual(key, key))
    for other in ["", "secre", "secrets", "Secret", "secreT", "secret\0"] {
      #expect(!Admission.areEqual(key, Array(other.utf8)), "\(other)")
    }
  }
}

struct BodyTests {
  @Test(arguments: [
    ("", 0), ("1", 0), ("[1,2]", 2), (#"{"a":1,"b":[2]}"#, 5), (#"["a,b[{:","\",\""]"#, 2), (#"["\\",1]"#, 2),
    ("[[[[", 4),
  ])
  func partsOutsideOfStrings(_ text: String, _ count: Int) {
    #expect(RequestBodies.partCount(of: Array(text.utf8)) == count)
  }
}
