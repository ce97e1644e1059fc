// Filled by the module's types.
