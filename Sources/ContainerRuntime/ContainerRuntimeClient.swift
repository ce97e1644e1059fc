import GRPCCore
import GRPCNIOTransportHTTP2

/// The runtime at the other end of a Unix socket.
///
/// Calls wait until the socket answers, up to their timeout, so that a runtime that restarts is
/// only a pause; `run()` must be running for them to get anywhere.
public final class ContainerRuntimeClient: RuntimeService {
  private let client: GRPCClient<HTTP2ClientTransport.Posix>
  private let runtime: Runtime_V1_RuntimeService.Client<HTTP2ClientTransport.Posix>
  private let images: Runtime_V1_ImageService.Client<HTTP2ClientTransport.Posix>

  /// The longest that a call without a wait of its own may take. Setting up a pod's network or
  /// unpacking a snapshot on a loaded machine takes seconds, and minutes mean a hung runtime.
  static let callTimeout = Duration.seconds(120)

  /// - Parameter endpoint: `unix:///run/containerd/containerd.sock`, or the path alone.
  public init(endpoint: String) throws(ContainerRuntimeError) {
    let path = endpoint.hasPrefix("unix://") ? String(endpoint.dropFirst(7)) : endpoint
    guard path.hasPrefix("/") else {
      throw ContainerRuntimeError(
        code: .other, operation: "Connect",
        message: "the runtime endpoint '\(endpoint)' is not unix:// followed by an absolute path")
    }
    // The kernel's sun_path holds 108 bytes with the terminating zero.
    guard path.utf8.count < 108 else {
      throw ContainerRuntimeError(
        code: .other, operation: "Connect",
        message: "the socket path '\(path)' is longer than the 107 bytes a Unix socket allows")
    }
    do {
      let transport = try HTTP2ClientTransport.Posix(
        // containerd's server refuses the path of the socket as an authority.
        target: .unixDomainSocket(path: path, authority: "localhost"),
        transportSecurity: .plaintext,
        config: .defaults { config in
          // Lists of all containers and the output of exec probes exceed the default of 4 MB.
          config.http2.targetWindowSize = 1 << 20
        })
      client = GRPCClient(transport: transport)
    } catch {
      throw ContainerRuntimeError(error, operation: "Connect")
    }
    runtime = .init(wrapping: client)
    images = .init(wrapping: client)
  }

  /// Keeps the connection; returns after `close()`.
  public func run() async throws { try await client.runConnections() }

  public func close() { client.beginGracefulShutdown() }

  private func options(_ timeout: Duration = ContainerRuntimeClient.callTimeout) -> CallOptions {
    var options = CallOptions.defaults
    options.timeout = timeout
    options.waitForReady = true
    options.maxResponseMessageBytes = 64 << 20
    return options
  }

  private func call<Answer>(
    _ operation: String, _ body: () async throws -> Answer
  ) async throws(ContainerRuntimeError) -> Answer {
    do {
      return try await body()
    } catch {
      throw ContainerRuntimeError(error, operation: operation)
    }
  }

  /// Like `call`, for calls that may be made twice: repeated when the connection broke under one.
  private func idempotent<Answer>(
    _ operation: String, _ body: () async throws -> Answer
  ) async throws(ContainerRuntimeError) -> Answer {
    for _ in 0..<2 {
      do {
        return try await body()
      } catch {
        guard let error = error as? RPCError, error.code == .unavailable else {
          throw ContainerRuntimeError(error, operation: operation)
        }
      }
    }
    return try await call(operation, body)
  }

  public func version() async throws(ContainerRuntimeError) -> RuntimeVersion {
    try await idempotent("Version") {
      let answer = try await runtime.version(.init(), options: options(.seconds(10)))
      return RuntimeVersion(name: answer.runtimeName, version: answer.runtimeVersion)
    }
  }

  public func readiness() async throws(ContainerRuntimeError) -> String? {
    try await idempotent("Status") {
      let answer = try await runtime.status(.init(), options: options(.seconds(10)))
      return answer.status.conditions.first { !$0.status }
        .map { "\($0.type) is false: \($0.reason): \($0.message)" }
    }
  }

  public func runPodSandbox(_ config: PodSandboxConfig) async throws(ContainerRuntimeError)
    -> String
  {
    try await call("RunPodSandbox") {
      var request = Runtime_V1_RunPodSandboxRequest()
      request.config = config
      return try await runtime.runPodSandbox(request, options: options()).podSandboxID
    }
  }

  public func stopPodSandbox(id: String) async throws(ContainerRuntimeError) {
    try await idempotent("StopPodSandbox") {
      var request = Runtime_V1_StopPodSandboxRequest()
      request.podSandboxID = id
      _ = try await runtime.stopPodSandbox(request, options: options())
    }
  }

  public func removePodSandbox(id: String) async throws(ContainerRuntimeError) {
    try await idempotent("RemovePodSandbox") {
      var request = Runtime_V1_RemovePodSandboxRequest()
      request.podSandboxID = id
      _ = try await runtime.removePodSandbox(request, options: options())
    }
  }

  public func podSandboxStatus(id: String) async throws(ContainerRuntimeError) -> PodSandboxStatus {
    try await idempotent("PodSandboxStatus") {
      var request = Runtime_V1_PodSandboxStatusRequest()
      request.podSandboxID = id
      return try await runtime.podSandboxStatus(request, options: options()).status
    }
  }

  public func listPodSandboxes(podUID: String?) async throws(ContainerRuntimeError)
    -> [PodSandbox]
  {
    try await idempotent("ListPodSandbox") {
      var request = Runtime_V1_ListPodSandboxRequest()
      if let podUID { request.filter.labelSelector = [RuntimeLabel.podUID: podUID] }
      return try await runtime.listPodSandbox(request, options: options()).items
    }
  }

  public func createContainer(
    _ config: ContainerConfig, in sandbox: String, _ sandboxConfig: PodSandboxConfig
  ) async throws(ContainerRuntimeError) -> String {
    try await call("CreateContainer") {
      var request = Runtime_V1_CreateContainerRequest()
      request.podSandboxID = sandbox
      request.config = config
      request.sandboxConfig = sandboxConfig
      return try await runtime.createContainer(request, options: options()).containerID
    }
  }

  public func startContainer(id: String) async throws(ContainerRuntimeError) {
    try await call("StartContainer") {
      var request = Runtime_V1_StartContainerRequest()
      request.containerID = id
      _ = try await runtime.startContainer(request, options: options())
    }
  }

  public func stopContainer(id: String, timeoutSeconds: Int) async throws(ContainerRuntimeError) {
    let timeoutSeconds = min(max(timeoutSeconds, 0), 1 << 31)
    try await idempotent("StopContainer") {
      var request = Runtime_V1_StopContainerRequest()
      request.containerID = id
      request.timeout = Int64(timeoutSeconds)
      _ = try await runtime.stopContainer(
        request, options: options(Self.callTimeout + .seconds(timeoutSeconds)))
    }
  }

  public func removeContainer(id: String) async throws(ContainerRuntimeError) {
    try await idempotent("RemoveContainer") {
      var request = Runtime_V1_RemoveContainerRequest()
      request.containerID = id
      _ = try await runtime.removeContainer(request, options: options())
    }
  }

  public func listContainers(podUID: String?) async throws(ContainerRuntimeError) -> [Container] {
    try await idempotent("ListContainers") {
      var request = Runtime_V1_ListContainersRequest()
      if let podUID { request.filter.labelSelector = [RuntimeLabel.podUID: podUID] }
      return try await runtime.listContainers(request, options: options()).containers
    }
  }

  public func containerStatus(id: String) async throws(ContainerRuntimeError) -> ContainerStatus {
    try await idempotent("ContainerStatus") {
      var request = Runtime_V1_ContainerStatusRequest()
      request.containerID = id
      return try await runtime.containerStatus(request, options: options()).status
    }
  }

  public func execSync(id: String, command: [String], timeoutSeconds: Int)
    async throws(ContainerRuntimeError) -> ExecSyncResponse
  {
    let timeoutSeconds = min(max(timeoutSeconds, 1), 1 << 31)
    return try await call("ExecSync") {
      var request = Runtime_V1_ExecSyncRequest()
      request.containerID = id
      request.cmd = command
      request.timeout = Int64(timeoutSeconds)
      return try await runtime.execSync(
        request, options: options(.seconds(timeoutSeconds) + .seconds(10)))
    }
  }

  public func imageStatus(_ image: String) async throws(ContainerRuntimeError) -> Image? {
    try await idempotent("ImageStatus") {
      var request = Runtime_V1_ImageStatusRequest()
      request.image.image = image
      let answer = try await images.imageStatus(request, options: options())
      return answer.hasImage ? answer.image : nil
    }
  }

  public func listImages() async throws(ContainerRuntimeError) -> [Image] {
    try await idempotent("ListImages") {
      try await images.listImages(.init(), options: options()).images
    }
  }
}
