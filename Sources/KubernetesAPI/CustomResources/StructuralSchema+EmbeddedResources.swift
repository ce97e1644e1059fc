import JSONDocument

extension StructuralSchema {
  /// Brings metadata of objects within an object into the form that metadata has.
  ///
  /// - Parameter isRoot: the value is an object of the API itself.
  /// - Returns: paths of unknown members; they are gone.
  /// - Throws: where metadata has a value of the wrong type.
  static func normalizeMetadata(
    _ value: inout JSONValue, _ schema: StructuralSchema?, isRoot: Bool, path: String = ""
  ) throws(FieldValidation.TypeMismatch) -> [String] {
    var unknown: [String] = []
    switch value {
    case .object(var members):
      let isResource = isRoot || schema?.isEmbeddedResource ?? false
      if isResource {
        for name in ["apiVersion", "kind"] {
          if let member = members[name], member.stringValue == nil {
            throw FieldValidation.TypeMismatch(
              message: "\(Self.path(path, name)): Invalid value: \(member.text): must be a string",
              path: Self.path(path, name))
          }
        }
        if var metadata = members["metadata"] {
          let place = Self.path(path, "metadata")
          if metadata.isNull {
            members["metadata"] = isRoot ? .object([:]) : nil
          } else {
            let findings = FieldValidation.normalize(
              &metadata, typeName: "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")
            if let mismatch = findings.mismatch { throw mismatch }
            unknown += findings.unknown.map { "\(place).\($0)" }
            // What metadata has though nothing was given is not written here.
            if !isRoot, metadata["creationTimestamp"]?.isNull ?? false {
              metadata["creationTimestamp"] = nil
            }
            members["metadata"] = metadata
          }
        }
      }
      if let schema, schema.hasEmbeddedResources {
        for position in 0..<members.count {
          let name = members.keys[position]
          if isResource, resourceMembers.contains(name) { continue }
          guard let child = schema.member(name), child.hasEmbeddedResources else { continue }
          var member = members.values[position]
          unknown += try normalizeMetadata(
            &member, child, isRoot: false, path: Self.path(path, name))
          members[name] = member
        }
      }
      value = .object(members)
    case .array(var elements):
      guard let items = schema?.items, items.hasEmbeddedResources else { break }
      for index in elements.indices {
        unknown += try normalizeMetadata(
          &elements[index], items, isRoot: false, path: "\(path)[\(index)]")
      }
      value = .array(elements)
    default: break
    }
    return unknown
  }

  /// What is wrong with the type and the metadata of objects within an object.
  func embeddedResourceErrors(in value: JSONValue, path: String = "") -> [FieldError] {
    guard hasEmbeddedResources else { return [] }
    var errors: [FieldError] = []
    switch value {
    case .object(let members):
      if isEmbeddedResource { errors += Self.typeAndMetadataErrors(members, path) }
      for (name, member) in members {
        if let property = properties[name] {
          errors += property.embeddedResourceErrors(in: member, path: Self.path(path, name))
        } else if case .schema(let schema)? = additionalProperties {
          errors += schema.embeddedResourceErrors(in: member, path: "\(path)[\(name)]")
        }
      }
    case .array(let elements):
      for (index, element) in elements.enumerated() {
        errors += items?.embeddedResourceErrors(in: element, path: "\(path)[\(index)]") ?? []
      }
    default: break
    }
    return errors
  }

  private static func typeAndMetadataErrors(_ members: JSONObject, _ path: String)
    -> [FieldError]
  {
    var errors: [FieldError] = []
    let version = Self.path(path, "apiVersion")
    switch members["apiVersion"] {
    case nil: errors.append(.required(version, "must not be empty"))
    case .string(let text)?:
      if text.isEmpty {
        errors.append(.invalid(version, "", "must not be empty"))
      } else if text.split(separator: "/", omittingEmptySubsequences: false).count > 2 {
        errors.append(
          .invalid(version, .string(text), "unexpected GroupVersion string: \(text)"))
      }
    case let value?: errors.append(.invalid(version, value, "must be a string"))
    }
    let kind = Self.path(path, "kind")
    switch members["kind"] {
    case nil: errors.append(.required(kind, "must not be empty"))
    case .string(let text)?:
      if text.isEmpty {
        errors.append(.invalid(kind, "", "must not be empty"))
      } else {
        for problem in NameRules.dns1035Label(text.lowercased()) {
          errors.append(
            .invalid(
              kind, .string(text),
              "may have mixed case, but should otherwise match: \(problem)"))
        }
      }
    case let value?: errors.append(.invalid(kind, value, "must be a string"))
    }
    if let metadata = members["metadata"] {
      errors += Validation.Checker.embeddedMetadata(metadata, Self.path(path, "metadata"))
    }
    return errors
  }
}
