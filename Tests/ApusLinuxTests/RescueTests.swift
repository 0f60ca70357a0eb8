import Testing

@testable import ApusLinux

@Suite("The rescue shell")
struct RescueTests {
  private func salvaged(_ text: String) -> [String]? {
    var plan = RescuePlan()
    plan.salvage(from: Array(text.utf8))
    guard plan.isConfigured else { return nil }
    return plan.arguments.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
  }

  @Test("its argv is found in a text that is no manifest as a whole")
  func salvage() {
    #expect(salvaged(#"{"system": {"rescue": ["/sbin/sulogin"], }"#) == ["/sbin/sulogin"])
    #expect(
      salvaged(
        "{\"onLimit\": \"rescue\", // x\n \"rescue\" :\n[ \"/bin/a\" ,\"-c\", \"b \\\"c\\\"\\\\\"\n]"
      )
        == ["/bin/a", "-c", "b \"c\"\\"])
    for text in [
      "", "\"rescue\"", #""rescue": "/x""#, #""rescue": []"#, #""rescue": ["/x""#,
      #""rescue": ["/x",]"#, #""rescue": ["x"]"#, #""rescue": ["/x\n"]"#,
      #""rescue": ["/x\u0041"]"#,
      #""rescue": ["/x", 1]"#, #""rescue": [["/x"]]"#, "\"rescue\": [\"/x\n\"]",
    ] { #expect(salvaged(text) == nil, "\(text)") }
  }
}
