// swift-tools-version: 6.1
import PackageDescription

let nio: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTP2: Target.Dependency = .product(name: "NIOHTTP2", package: "swift-nio-http2")
let x509: Target.Dependency = .product(name: "X509", package: "swift-certificates")
let asn1: Target.Dependency = .product(name: "SwiftASN1", package: "swift-asn1")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")

// Modules are listed bottom up: each may import only what stands above it here.
let package = Package(
  name: "taffrail",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "taffrail", targets: ["taffrail"])
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
    .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
    .package(url: "https://github.com/apple/swift-certificates", from: "1.21.0"),
    .package(url: "https://github.com/apple/swift-asn1.git", from: "1.7.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.0"),
    .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.0"),
    .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
  ],
  targets: [
    .systemLibrary(
      name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),

    .systemLibrary(name: "CChecksum"),
    .systemLibrary(name: "CMalloc"),
    .systemLibrary(name: "CProcess"),

    // Leaves: neither NIO nor Foundation.
    .target(name: "JSONDocument"),
    .target(name: "SeededRuns"),
    .target(name: "ChildProcesses", dependencies: ["CProcess"]),
    .target(name: "Raft", dependencies: ["SeededRuns"]),
    .target(name: "Keyspace"),
    .target(name: "EventLog", dependencies: ["CLZ4", "CChecksum"]),
    .target(name: "Linearizability"),

    // The store.
    .target(
      name: "EventStore",
      dependencies: [
        "SeededRuns", "Raft", "Keyspace", "EventLog", "ChildProcesses", "CSQLite", "CLZ4",
        "CMalloc", nio, nioPosix, nioSSL, x509, logging,
      ]),

    // The API.
    .target(name: "KubernetesAPI", dependencies: ["JSONDocument"]),
    .target(
      name: "ClusterConfiguration",
      dependencies: ["ChildProcesses", yams, x509, asn1, crypto]),
    .target(
      name: "KubernetesClient",
      dependencies: [
        "KubernetesAPI", "JSONDocument", nio, nioPosix, nioSSL, nioHTTP1, yams, logging,
      ]),
    .target(
      name: "APIServer",
      dependencies: [
        "KubernetesAPI", "JSONDocument", "Keyspace", nio, nioPosix, nioSSL, nioHTTP1, nioHTTP2,
        x509, asn1, crypto, yams, logging,
      ]),

    // Reconcilers.
    .target(
      name: "ControllerManager",
      dependencies: [
        "KubernetesClient", "KubernetesAPI", "JSONDocument", x509, asn1, crypto, logging,
      ]),
    .target(
      name: "Scheduler",
      dependencies: ["KubernetesClient", "KubernetesAPI", "JSONDocument", logging]),

    // The node.
    .target(
      name: "ContainerRuntime",
      dependencies: [
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
        .product(name: "GRPCCore", package: "grpc-swift-2"),
        .product(name: "GRPCNIOTransportHTTP2", package: "grpc-swift-nio-transport"),
        .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
      ]),
    .target(name: "PodNetwork", dependencies: ["ChildProcesses", "JSONDocument"]),
    .target(
      name: "ServiceProxy",
      dependencies: [
        "ChildProcesses", "KubernetesClient", "KubernetesAPI", "JSONDocument", logging,
      ]),
    .target(
      name: "Kubelet",
      dependencies: [
        "ContainerRuntime", "PodNetwork", "ServiceProxy", "KubernetesClient", "KubernetesAPI",
        "JSONDocument", nio, nioPosix, nioSSL, nioHTTP1, logging,
      ]),

    // The store on an injected clock, network and disk; what the tests and `tools/simulate` run.
    .target(
      name: "StoreSimulation",
      dependencies: ["SeededRuns", "Raft", "Keyspace", "EventLog", "EventStore"]),

    // Whole processes: a server, a cluster on this machine.
    .target(
      name: "ControlPlane",
      dependencies: [
        "ChildProcesses", "EventStore", "APIServer", "ControllerManager", "Scheduler",
        "KubernetesClient", "ClusterConfiguration", logging,
      ]),
    .target(
      name: "LocalCluster",
      dependencies: [
        "ChildProcesses", "ClusterConfiguration", "KubernetesClient", "KubernetesAPI",
        "JSONDocument", "PodNetwork", nio, nioPosix, nioSSL, nioHTTP1,
        .product(name: "NIOConcurrencyHelpers", package: "swift-nio"), logging,
      ]),
    // What people look at a cluster with.
    .target(
      name: "LogTools",
      dependencies: ["EventStore", "EventLog", "Keyspace", "KubernetesAPI", "JSONDocument"]),
    .target(
      name: "ClusterTools",
      dependencies: [
        "ChildProcesses", "ControlPlane", "ClusterConfiguration", "KubernetesClient",
        "KubernetesAPI", "JSONDocument", "EventStore", "EventLog", "Keyspace", "Raft",
        "Linearizability", "SeededRuns", nio, nioPosix, nioSSL,
        .product(name: "NIOConcurrencyHelpers", package: "swift-nio"), logging,
      ]),
    .executableTarget(
      name: "taffrail",
      dependencies: [
        "ChildProcesses", "LogTools", "ClusterTools", "ControlPlane", "LocalCluster", "Kubelet",
        "EventStore", "EventLog", "StoreSimulation", "ClusterConfiguration", "KubernetesClient",
        "APIServer",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    .testTarget(name: "JSONDocumentTests", dependencies: ["JSONDocument"]),
    .testTarget(name: "ChildProcessesTests", dependencies: ["ChildProcesses"]),
    .testTarget(name: "RaftTests", dependencies: ["Raft"]),
    .testTarget(name: "KeyspaceTests", dependencies: ["Keyspace", "SeededRuns"]),
    .testTarget(name: "EventLogTests", dependencies: ["EventLog", "SeededRuns"]),
    .testTarget(name: "LinearizabilityTests", dependencies: ["Linearizability"]),
    .testTarget(
      name: "EventStoreTests",
      dependencies: [
        "EventStore", "Keyspace", "EventLog", "Raft", "SeededRuns", x509, crypto, nio, nioPosix,
        nioEmbedded, nioSSL, logging,
      ]),
    .testTarget(
      name: "KubernetesAPITests", dependencies: ["KubernetesAPI", "JSONDocument", "SeededRuns"]),
    .testTarget(
      name: "ClusterConfigurationTests",
      dependencies: ["ClusterConfiguration", x509, asn1, crypto]),
    .testTarget(
      name: "KubernetesClientTests",
      dependencies: [
        "KubernetesClient", "KubernetesAPI", "JSONDocument", nio, nioPosix, nioSSL, nioHTTP1, x509,
        crypto,
      ]),
    .testTarget(
      name: "APIServerTests",
      dependencies: [
        "APIServer", "ClusterConfiguration", "EventStore", "Keyspace", "KubernetesAPI",
        "JSONDocument", "KubernetesClient", "SeededRuns", nio, nioPosix, nioSSL, nioHTTP1, x509,
        asn1, crypto,
      ]),
    .testTarget(
      name: "ControllerManagerTests",
      dependencies: [
        "ControllerManager", "Scheduler", "ControlPlane", "KubernetesClient", "KubernetesAPI",
        "JSONDocument", x509, crypto, logging,
      ]),
    .testTarget(
      name: "SchedulerTests",
      dependencies: ["Scheduler", "KubernetesClient", "KubernetesAPI", "JSONDocument"]),
    .testTarget(
      name: "ContainerRuntimeTests",
      dependencies: ["ChildProcesses", "ContainerRuntime", "PodNetwork"]),
    .testTarget(name: "PodNetworkTests", dependencies: ["PodNetwork", "JSONDocument"]),
    .testTarget(
      name: "ServiceProxyTests",
      dependencies: [
        "ChildProcesses", "ServiceProxy", "KubernetesClient", "KubernetesAPI", "JSONDocument",
      ]),
    .testTarget(
      name: "KubeletTests",
      dependencies: [
        "Kubelet", "ContainerRuntime", "PodNetwork", "KubernetesClient", "KubernetesAPI",
        "JSONDocument",
      ]),
    .testTarget(
      name: "ControlPlaneTests",
      dependencies: [
        "ControlPlane", "ClusterConfiguration", "APIServer", "KubernetesClient", "EventStore",
      ]),
    .testTarget(
      name: "LocalClusterTests",
      dependencies: [
        "LocalCluster", "ClusterConfiguration", "KubernetesClient", nio, nioPosix, nioSSL, nioHTTP1,
        .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
      ]),
    .testTarget(name: "LogToolsTests", dependencies: ["LogTools", "Keyspace", "JSONDocument"]),
    // Drives the built executable, so it depends on it and on next to nothing else.
    .testTarget(
      name: "EndToEndTests", dependencies: ["taffrail", "ChildProcesses"], exclude: ["Clients"]),
    // The same, with nothing but servers: whatever can be done wrong to them.
    .testTarget(
      name: "ServerProcessTests",
      dependencies: [
        "taffrail", "ChildProcesses", "JSONDocument", "KubernetesAPI", nio, nioPosix, nioSSL,
        .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
      ], exclude: ["KubectlTour"]),
    .testTarget(
      name: "ClusterToolsTests",
      dependencies: [
        "ClusterTools", "ClusterConfiguration", "EventStore", "Keyspace", "JSONDocument",
        "SeededRuns", nio, logging,
      ]),
    .testTarget(
      name: "StoreSimulationTests", dependencies: ["StoreSimulation", "Raft", "EventLog"]),
  ],
  swiftLanguageModes: [.v6]
)
