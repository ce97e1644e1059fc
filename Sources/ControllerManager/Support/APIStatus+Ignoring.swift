import KubernetesAPI

/// Runs a write for which "it is gone" is as good as done. Nil: it was gone.
func ignoringNotFound<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result? {
  do {
    return try await body()
  } catch let status as APIStatus where status.code == 404 {
    return nil
  }
}
