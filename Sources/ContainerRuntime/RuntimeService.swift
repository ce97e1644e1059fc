/// What the node agent asks of a container runtime: the Container Runtime Interface, v1.
///
/// Calls throw `ContainerRuntimeError` and nothing else. They are idempotent where the interface says so: stopping
/// or removing what is already stopped or gone succeeds.
public protocol RuntimeService: Sendable {
  func version() async throws -> RuntimeVersion

  /// Nil when the runtime and its network are ready; otherwise what is missing.
  func readiness() async throws -> String?

  func runPodSandbox(_ config: PodSandboxConfig) async throws -> String
  func stopPodSandbox(id: String) async throws
  func removePodSandbox(id: String) async throws
  func podSandboxStatus(id: String) async throws -> PodSandboxStatus
  /// `podUID` nil: of all pods.
  func listPodSandboxes(podUID: String?) async throws -> [PodSandbox]

  func createContainer(
    _ config: ContainerConfig, in sandbox: String, _ sandboxConfig: PodSandboxConfig
  )
    async throws -> String
  func startContainer(id: String) async throws

  /// Sends the image's stop signal and, after `timeoutSeconds`, SIGKILL; returns when the
  /// container has stopped.
  func stopContainer(id: String, timeoutSeconds: Int) async throws
  func removeContainer(id: String) async throws
  func listContainers(podUID: String?) async throws -> [Container]
  func containerStatus(id: String) async throws -> ContainerStatus

  /// Runs a command in a container and collects its output (containerd keeps at most 16 MB).
  func execSync(id: String, command: [String], timeoutSeconds: Int)
    async throws -> ExecSyncResponse

  /// Nil when the runtime does not hold the image.
  func imageStatus(_ image: String) async throws -> Image?
  func listImages() async throws -> [Image]
}

public typealias PodSandboxConfig = Runtime_V1_PodSandboxConfig
public typealias PodSandboxMetadata = Runtime_V1_PodSandboxMetadata
public typealias PodSandboxStatus = Runtime_V1_PodSandboxStatus
public typealias PodSandbox = Runtime_V1_PodSandbox
public typealias ContainerConfig = Runtime_V1_ContainerConfig
public typealias ContainerMetadata = Runtime_V1_ContainerMetadata
public typealias ContainerStatus = Runtime_V1_ContainerStatus
public typealias Container = Runtime_V1_Container
public typealias LinuxContainerResources = Runtime_V1_LinuxContainerResources
public typealias LinuxContainerSecurityContext = Runtime_V1_LinuxContainerSecurityContext
public typealias NamespaceOption = Runtime_V1_NamespaceOption
public typealias KeyValue = Runtime_V1_KeyValue
public typealias Mount = Runtime_V1_Mount
public typealias PortMapping = Runtime_V1_PortMapping
public typealias ExecSyncResponse = Runtime_V1_ExecSyncResponse
public typealias Image = Runtime_V1_Image

public struct RuntimeVersion: Sendable, Hashable {
  /// E.g. `containerd`.
  public var name: String
  /// E.g. `1.6.20~ds1`.
  public var version: String

  public init(name: String, version: String) {
    self.name = name
    self.version = version
  }
}
