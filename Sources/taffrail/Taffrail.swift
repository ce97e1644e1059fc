import ArgumentParser
@main struct Taffrail: AsyncParsableCommand { func run() async throws {} }
