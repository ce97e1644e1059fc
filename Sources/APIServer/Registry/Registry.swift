import JSONDocument
import Keyspace
import KubernetesAPI
import Logging
import NIOCore

/// The objects of the API, whichever protocol they are asked for over: metadata, defaults,
/// admission, validation and concurrency on top of a store of bytes.
///
/// Every write is one transaction whose compares hold what was read, so that two servers never
/// overwrite each other's work. Reads are consistent unless a resource version says otherwise.
public final class Registry: Sendable {
  let store: any EventStore
  let configuration: RegistryConfiguration
  let catalogue: Catalogue
  let logger: Logger
  let loops: any EventLoopGroup
  let events = SharedEvents()
  let batches = SharedBatches()
  let pacers = WatchPacers()
  let snapshots = SnapshotCache()
  let policies = PolicyCache()
  let podSpecs = PodSpecs()
  let webhookCaller: WebhookCaller
  let clock: @Sendable () -> UInt64
  /// Whom admission asks what callers may do; nil: they may do everything.
  let access: Authorizer?
  let queues = NamespaceQueues()
  let customResources: CustomResources

  public convenience init(
    store: any EventStore, configuration: RegistryConfiguration, loops: any EventLoopGroup,
    logger: Logger
  ) {
    self.init(
      store: store, configuration: configuration, loops: loops, access: nil, logger: logger)
  }

  init(
    store: any EventStore, configuration: RegistryConfiguration, loops: any EventLoopGroup,
    access: Authorizer?, logger: Logger
  ) {
    self.store = store
    self.access = access
    self.configuration = configuration
    self.loops = loops
    self.logger = logger
    webhookCaller = WebhookCaller(group: loops)
    catalogue = .shared
    customResources = CustomResources(store: store, logger: logger)
    clock = { WallClock.milliseconds() }
  }

  /// Finds a resource: of the catalogue, or else a custom one.
  ///
  /// - Throws: 404 as upstream words it.
  public func resource(_ name: GroupVersionResource) throws(APIStatus) -> ResourceInfo {
    if let info = catalogue.resource(
      group: name.group, version: name.version, resource: name.resource)
    {
      return info
    }
    guard
      let info = customResources.current().resource(
        group: name.group, version: name.version, resource: name.resource)
    else { throw .unknownResource }
    return info
  }

  func key(_ info: ResourceInfo, namespace: String?, name: String) -> Key {
    Key(
      resource: info.storageGVR.resource, group: info.storageGVR.group,
      namespace: info.namespaced ? namespace ?? "" : "", name: name)
  }

  func prefix(_ info: ResourceInfo, namespace: String?) -> Key {
    Key(
      resource: info.storageGVR.resource, group: info.storageGVR.group,
      namespace: info.namespaced ? namespace : nil, name: "")
  }

  /// The entry of an object that should be there. A replica that lags might not have it yet, so
  /// that "not found" is only believed after a barrier.
  func entry(_ key: Key) async throws(APIStatus) -> Entry? {
    if let entry = store.current().get(key) { return entry }
    try await barrier()
    return store.current().get(key)
  }

  /// Whether a newer state than `entry` was acknowledged before this call. An answer that commits
  /// nothing (a refusal, or that nothing changes) rests on what this replica knows alone, and has
  /// to ask; a write finds out by its compares.
  func isBehind(_ entry: Entry) async throws(APIStatus) -> Bool {
    try await barrier()
    return store.current().get(entry.key)?.modRevision != entry.modRevision
  }

  @discardableResult
  func barrier() async throws(APIStatus) -> Revision {
    var lastError = StoreError.unavailable("")
    let deadline = WallClock.milliseconds() + UInt64(configuration.storeTimeoutMilliseconds)
    repeat {
      do throws(StoreError) {
        return try await store.barrier()
      } catch {
        lastError = error
        guard case .unavailable = error else { break }
        try? await Task.sleep(nanoseconds: 20_000_000)
      }
    } while !Task.isCancelled && WallClock.milliseconds() < deadline
    throw APIStatus(lastError)
  }

  /// Commits; while there is no leader it tries again with the same request id, which makes the
  /// repetition harmless.
  func commit(_ transaction: Transaction) async throws(APIStatus) -> TransactionResult {
    let deadline = WallClock.milliseconds() + UInt64(configuration.storeTimeoutMilliseconds)
    var lastError = StoreError.unavailable("")
    repeat {
      do throws(StoreError) {
        return try await store.commit(transaction)
      } catch {
        lastError = error
        guard case .unavailable = error else { break }
        try? await Task.sleep(nanoseconds: 20_000_000)
      }
    } while !Task.isCancelled && WallClock.milliseconds() < deadline
    throw APIStatus(lastError)
  }

  func transaction(
    compares: [Compare], mutations: [Mutation], context: RequestContext, verb: String,
    subresource: String = ""
  ) -> Transaction {
    Transaction(
      compares: compares, mutations: mutations,
      provenance: context.provenance(verb: verb, subresource: subresource),
      requestID: UInt64.random(in: 1...UInt64.max), timeMilliseconds: clock())
  }
}

/// What the registry needs to know of the cluster.
public struct RegistryConfiguration: Sendable {
  /// The range of cluster IPs, e.g. 10.96.0.0/16.
  public var serviceRange: AddressRange
  public var nodePorts: ClosedRange<Int>
  public var disabledAdmissionPlugins: Set<String>
  public var allowPrivileged: Bool
  /// How long a read or write waits for a leader.
  public var storeTimeoutMilliseconds: Int

  public init(
    serviceRange: AddressRange, nodePorts: ClosedRange<Int> = 30000...32767,
    disabledAdmissionPlugins: Set<String> = [], allowPrivileged: Bool = true,
    storeTimeoutMilliseconds: Int = 10_000
  ) {
    self.serviceRange = serviceRange
    self.nodePorts = nodePorts
    self.disabledAdmissionPlugins = disabledAdmissionPlugins
    self.allowPrivileged = allowPrivileged
    self.storeTimeoutMilliseconds = storeTimeoutMilliseconds
  }

  func isEnabled(_ plugin: String) -> Bool { !disabledAdmissionPlugins.contains(plugin) }
}
