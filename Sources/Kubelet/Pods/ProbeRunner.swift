import ContainerRuntime
import Foundation
import Glibc
import JSONDocument
import KubernetesAPI
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Asks a container once whether it is well.
struct ProbeRunner: Sendable {
  struct Outcome: Sendable {
    var isSuccess: Bool
    var message: String
    /// The container was not asked: this says nothing about it.
    var isUnknown = false
  }

  var runtime: any RuntimeService

  func run(
    _ probe: JSONValue, container: PodSpecification.Container, containerID: String,
    podAddress: String, timeoutSeconds: Int
  ) async -> Outcome {
    if let action = probe["exec"] {
      return await execute(
        ContainerSettings.strings(action["command"]), containerID, timeoutSeconds)
    }
    if let action = probe["httpGet"] {
      guard let port = Self.port(action["port"], container) else {
        return Outcome(
          isSuccess: false, message: "the port \(action["port"]?.text ?? "") is not known")
      }
      let host = action["host"]?.stringValue ?? podAddress
      return await HTTPProbe(
        host: host, port: port, path: action["path"]?.stringValue ?? "/",
        isTLS: action["scheme"]?.stringValue == "HTTPS",
        headers: (action["httpHeaders"]?.arrayValue ?? []).map {
          ($0["name"]?.stringValue ?? "", $0["value"]?.stringValue ?? "")
        }
      ).run(timeoutSeconds: timeoutSeconds)
    }
    if let action = probe["tcpSocket"] {
      guard let port = Self.port(action["port"], container) else {
        return Outcome(
          isSuccess: false, message: "the port \(action["port"]?.text ?? "") is not known")
      }
      return await connect(action["host"]?.stringValue ?? podAddress, port, timeoutSeconds)
    }
    return Outcome(isSuccess: false, message: "this node runs exec, httpGet and tcpSocket probes")
  }

  static func port(_ value: JSONValue?, _ container: PodSpecification.Container) -> Int? {
    if let number = value?.intValue, (1...65535).contains(number) { return Int(number) }
    let named = (container.json["ports"]?.arrayValue ?? []).first {
      $0["name"]?.stringValue == value?.stringValue
    }
    if let number = named?["containerPort"]?.intValue { return Int(number) }
    return value?.stringValue.flatMap { Int($0) }
  }

  private func execute(_ command: [String], _ id: String, _ timeout: Int) async -> Outcome {
    do {
      let answer = try await runtime.execSync(id: id, command: command, timeoutSeconds: timeout)
      let text = String(decoding: (answer.stdout + answer.stderr).prefix(1024), as: UTF8.self)
      return Outcome(isSuccess: answer.exitCode == 0, message: text)
    } catch {
      let code = (error as? ContainerRuntimeError)?.code
      return Outcome(
        isSuccess: false, message: "\(error)",
        isUnknown: code == .unavailable || code == .cancelled)
    }
  }

  private func connect(_ host: String, _ port: Int, _ timeout: Int) async -> Outcome {
    do {
      let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .connectTimeout(.seconds(Int64(timeout))).connect(host: host, port: port).get()
      try? await channel.close()
      return Outcome(isSuccess: true, message: "")
    } catch {
      return Outcome(
        isSuccess: false, message: "dial tcp \(host):\(port): \(ProbeFailure.text(error))")
    }
  }
}

/// One GET; any status from 200 to 399 is well. Certificates are not checked, as upstream.
private struct HTTPProbe: Sendable {
  var host: String
  var port: Int
  var path: String
  var isTLS: Bool
  var headers: [(String, String)]

  func run(timeoutSeconds: Int) async -> ProbeRunner.Outcome {
    let promise = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: UInt.self)
    do {
      let tls: NIOSSLContext?
      if isTLS {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        tls = try NIOSSLContext(configuration: configuration)
      } else {
        tls = nil
      }
      var head = HTTPRequestHead(
        version: .http1_1, method: .GET, uri: path.hasPrefix("/") ? path : "/\(path)")
      head.headers.add(name: "Host", value: "\(host):\(port)")
      head.headers.add(name: "User-Agent", value: "kube-probe/1.36")
      head.headers.add(name: "Accept", value: "*/*")
      head.headers.add(name: "Connection", value: "close")
      for (name, value) in headers { head.headers.replaceOrAdd(name: name, value: value) }
      let request = head
      let channel = try await ClientBootstrap(group: promise.futureResult.eventLoop)
        .connectTimeout(.seconds(Int64(timeoutSeconds)))
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            if let tls {
              try channel.pipeline.syncOperations.addHandler(
                NIOSSLClientHandler(context: tls, serverHostname: nil))
            }
            try channel.pipeline.syncOperations.addHTTPClientHandlers()
            try channel.pipeline.syncOperations.addHandler(ProbeHandler(promise: promise))
          }
        }
        .connect(host: host, port: port).get()
      let alarm = channel.eventLoop.scheduleTask(in: .seconds(Int64(timeoutSeconds))) {
        promise.fail(ChannelError.connectTimeout(.seconds(Int64(timeoutSeconds))))
        channel.close(promise: nil)
      }
      channel.write(HTTPClientRequestPart.head(request), promise: nil)
      channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
      let status = try await promise.futureResult.get()
      alarm.cancel()
      channel.close(promise: nil)
      return .init(
        isSuccess: (200..<400).contains(status),
        message: "HTTP probe failed with statuscode: \(status)")
    } catch {
      promise.fail(error)
      let url = "\(isTLS ? "https" : "http")://\(host):\(port)\(path)"
      return .init(isSuccess: false, message: "Get \"\(url)\": \(ProbeFailure.text(error))")
    }
  }
}

private final class ProbeHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart
  private let promise: EventLoopPromise<UInt>

  init(promise: EventLoopPromise<UInt>) { self.promise = promise }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if case .head(let head) = unwrapInboundIn(data) { promise.succeed(head.status.code) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    promise.fail(error)
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) { promise.fail(ChannelError.eof) }
}
