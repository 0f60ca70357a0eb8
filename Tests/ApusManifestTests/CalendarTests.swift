import ApusBase
import Foundation
import Testing

@testable import ApusManifest

/// Calendar expressions against what systemd-analyze says of them; see
/// `Golden/calendar-from-systemd.py`.
@Suite struct CalendarTests {
  @Test("expressions elapse when systemd says")
  func golden() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "Golden/calendar.txt")
    let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
    #expect(lines.count > 1000)
    for line in lines {
      let cells = line.split(separator: "|", omittingEmptySubsequences: false)
      let set = Calendar.parse(Array(cells[0].utf8))
      guard let base = Int64(cells[1]) else {
        #expect(set == nil, "\(line)")
        continue
      }
      #expect(set != nil, "\(line)")
      guard let set else { continue }
      var manifest = Manifest()
      manifest.values += set
      var found: [String] = []
      var time: Int64? = base
      for _ in 0..<3 {
        time = time.flatMap { manifest.next(of: 1, after: $0) }
        found.append(time.map { "\($0)" } ?? "-")
      }
      #expect(found == cells[2...].map { String($0) }, "\(line)")
    }
  }

  @Test("what never comes is said soon, and any clock can be asked about")
  func bounds() throws {
    var manifest = Manifest()
    manifest.values += try #require(Calendar.parse(Array("Mon *-02-30 12:34".utf8)))
    let start = ContinuousClock.now
    for after in [Int64.min, -1, 0, 1_700_000_000, 7_258_118_399, .max] {
      #expect(manifest.next(of: 1, after: after) == nil)
    }
    #expect(ContinuousClock.now - start < .seconds(1))
    manifest.values = [0] + (try #require(Calendar.parse(Array("*:*:*".utf8))))
    #expect(manifest.next(of: 1, after: .min) == 0)
    #expect(manifest.next(of: 1, after: 7_258_118_398) == 7_258_118_399)
    #expect(manifest.next(of: 1, after: 7_258_118_399) == nil)
    #expect(manifest.next(of: 1, after: .max) == nil)
    // Not a calendar at all.
    #expect(manifest.next(of: .max, after: 0) == nil)
    #expect(manifest.next(of: .min, after: 0) == nil)
  }
}
