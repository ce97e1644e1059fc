import JSONDocument
import NIOCore
import Testing

@testable import ClusterTools

@Suite struct BenchReportTests {
  private var report: BenchReport {
    var report = BenchReport()
    report.add("store", "writes", 20_000, "events/s")
    report.add("store", "local reads", 1_000_000, "reads/s")
    report.add("api", "creates", 500, "pods/s")
    report.add("etcd", "writes", 4_000, "events/s")
    report.add("etcd", "serializable reads", 10_000, "reads/s")
    report.compare("local reads", withEtcd: "serializable reads")
    return report
  }

  @Test func etcdStandsBesideTheStore() {
    let (header, rows) = report.table()
    #expect(header == ["PART", "MEASURE", "VALUE", "UNIT", "ETCD", "RATIO"])
    #expect(rows[0] == ["store", "writes", "20,000", "events/s", "4,000", "5.00x"])
    #expect(rows[1] == ["store", "local reads", "1,000,000", "reads/s", "10,000", "100x"])
    #expect(rows[2] == ["api", "creates", "500", "pods/s", "", ""])
    #expect(rows[3] == ["etcd", "writes", "4,000", "events/s", "", ""])
  }

  @Test func earlierRunStandsBesideThisOne() throws {
    var earlier = BenchReport()
    earlier.add("store", "writes", 10_000, "events/s")
    earlier.add("api", "creates", 1_000, "pods/s")
    earlier.add("api", "gone", 1, "pods/s")
    let read = try #require(BenchReport(json: try JSONValue(parsing: earlier.json.serialized())))
    #expect(read.rows == earlier.rows)
    let (header, rows) = report.table(comparedWith: read)
    #expect(header.suffix(2) == ["BEFORE", "RATIO"])
    #expect(rows[0].suffix(2) == ["10,000", "2.00x"])
    #expect(rows[1].suffix(2) == ["", ""])
    #expect(rows[2].suffix(2) == ["1,000", "0.50x"])
    #expect(BenchReport(json: .object([:])) == nil)
    #expect(BenchReport(json: .array([.object(["part": "x"])])) == nil)
  }

  @Test func etcdsMessagesAreProtobuf() throws {
    // As protoc encodes PutRequest{key: "k", value: "v"}, in gRPC's frame.
    let put = EtcdMessages.put(key: "k", value: [0x76])
    #expect(Array(put.body.readableBytesView) == [0, 0, 0, 0, 6, 0x0A, 1, 0x6B, 0x12, 1, 0x76])
    #expect(put.path == "/etcdserverpb.KV/Put")
    #expect(EtcdMessages.varint(300) == [0xAC, 0x02])
    let fields = try #require(EtcdMessages.fields([0x08, 0xAC, 0x02, 0x5A, 2, 1, 2]))
    #expect(fields.map(\.number) == [1, 11])
    #expect(fields.map(\.value) == [.number(300), .bytes([1, 2])])
    for wrong in [[0x08], [0x5A, 3, 1], [0x0D, 1, 2, 3, 4]] as [[UInt8]] {
      #expect(EtcdMessages.fields(wrong) == nil)
    }
  }

  @Test func eventsAreCountedHoweverTheStreamIsCut() {
    func message(_ bytes: [UInt8]) -> [UInt8] { [0, 0, 0, 0, UInt8(bytes.count)] + bytes }
    let event = EtcdMessages.field(11, [0x08, 0])
    let stream = message([3 << 3, 1]) + message(event + event) + message(event)
    for step in 1...stream.count {
      var counter = EtcdEventCounter()
      for start in stride(from: 0, to: stream.count, by: step) {
        counter.take(ByteBuffer(bytes: stream[start..<min(start + step, stream.count)]))
      }
      #expect(counter.events == 3 && counter.isCreated && !counter.isBroken)
    }
    var canceled = EtcdEventCounter()
    canceled.take(ByteBuffer(bytes: message([4 << 3, 1])))
    #expect(canceled.isBroken)
  }
}
