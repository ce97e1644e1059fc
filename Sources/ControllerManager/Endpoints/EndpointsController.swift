import JSONDocument
import KubernetesAPI
import KubernetesClient

/// Writes the Endpoints object of each service with a selector.
enum EndpointsController {
  @Sendable static func make(_ context: ControllerContext) -> @Sendable () async -> Void {
    let services = ServiceQueue(context)
    let endpoints = context.informers.informer(.endpoints)
    endpoints.addHandler { delta in
      // Mends what somebody else changed or deleted.
      if services.services[delta.key] != nil {
        services.queue.add(delta.key, cause: delta.revision)
      }
    }
    let controller = Controller(
      name: context.name, queue: services.queue, workers: context.options.workers
    ) { key in
      let found = endpoints[key]
      guard let service = services.services[key] else {
        guard found?.meta.label("endpoints.kubernetes.io/managed-by") != nil else { return nil }
        _ = try await ignoringNotFound {
          try await context.client.delete(
            .endpoints, namespace: key.namespace, name: key.name, options: DeleteOptions())
        }
        return nil
      }
      guard ServiceEndpoints.isManaged(service), !service.meta.isBeingDeleted,
        let object = EndpointsPlanner.plan(
          service: service, pods: services.pods(of: service), found: found)
      else { return nil }
      if found == nil {
        _ = try await context.client.create(.endpoints, namespace: key.namespace, object: object)
      } else {
        _ = try await context.client.update(
          .endpoints, namespace: key.namespace, name: key.name, object: object)
      }
      return nil
    }
    return { await controller.run() }
  }
}

/// Writes the EndpointSlices of each service with a selector.
enum EndpointSliceController {
  private static let serviceIndex = "service"

  @Sendable static func make(_ context: ControllerContext) -> @Sendable () async -> Void {
    let services = ServiceQueue(context)
    let slices = context.informers.informer(.endpointSlices)
    slices.addIndex(serviceIndex) { slice in
      guard slice.meta.label(EndpointSlicePlanner.managedBy) == EndpointSlicePlanner.manager,
        let name = slice.meta.label(EndpointSlicePlanner.serviceName)
      else { return [] }
      return ["\(slice.meta.namespace)/\(name)"]
    }
    slices.addHandler { delta in
      guard delta.object.meta.label(EndpointSlicePlanner.managedBy) == EndpointSlicePlanner.manager,
        let name = delta.object.meta.label(EndpointSlicePlanner.serviceName)
      else { return }
      services.queue.add(
        ObjectKey(namespace: delta.key.namespace, name: name), cause: delta.revision)
    }
    let controller = Controller(
      name: context.name, queue: services.queue, workers: context.options.workers
    ) { key in
      let found = slices.list(index: serviceIndex, value: key.description)
      var plan = EndpointSlicePlanner.Plan(delete: found)
      if let service = services.services[key], !service.meta.isBeingDeleted {
        guard ServiceEndpoints.isManaged(service) else { return nil }
        plan = EndpointSlicePlanner.plan(
          service: service, pods: services.pods(of: service), found: found)
      }
      try await carryOut(plan, key: key, client: context.client)
      return nil
    }
    return { await controller.run() }
  }

  private static func carryOut(
    _ plan: EndpointSlicePlanner.Plan, key: ObjectKey, client: any KubernetesClient
  ) async throws {
    for (position, slice) in plan.create.enumerated() {
      var slice = slice
      // One name for one state of the service: where the informer has not shown yet what was
      // made before, the second try fails instead of making it twice.
      let seed = PodTemplate.hash(
        ["endpoints": slice["endpoints"] ?? .null, "ports": slice["ports"] ?? .null],
        collisions: Int64(position))
      slice.set(.string("\(key.name.prefix(240))-\(seed)"), at: "metadata", "name")
      _ = try await client.create(.endpointSlices, namespace: key.namespace, object: slice)
    }
    for slice in plan.update {
      _ = try await client.update(
        .endpointSlices, namespace: key.namespace, name: slice.meta.name, object: slice)
    }
    for slice in plan.delete {
      _ = try await ignoringNotFound {
        try await client.delete(
          .endpointSlices, namespace: key.namespace, name: slice.meta.name,
          options: DeleteOptions(preconditionUID: slice.meta.uid))
      }
    }
  }
}
