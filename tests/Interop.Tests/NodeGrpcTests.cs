using System.Globalization;
using Rudder.Tests;

namespace Rudder.Interop.Tests;

/// <summary>npm's @grpc/grpc-js against every method.</summary>
public sealed class NodeGrpcTests(NodeGrpcTests.Run run, InteropService service) : IClassFixture<NodeGrpcTests.Run>
{
    [Fact]
    public async Task Sampling_FromNode_GivesOurTokens() => await GrpcChecks.AssertSamplingAsync(await run.Client, service);

    [Fact]
    public async Task DeadlineAndCancellation_FromNode_EndCalls() => GrpcChecks.AssertEnds(await run.Client);

    [Fact]
    public async Task Errors_FromNode_HaveTheirStatus() => GrpcChecks.AssertErrors(await run.Client);

    [Fact]
    public async Task Models_FromNode_AreListedLoadedAndUsed() => await GrpcChecks.AssertModelsAsync(await run.Client, service, "second-node");

    [Fact]
    public async Task Scoring_FromNode_GivesOurNumbers() => await GrpcChecks.AssertScoringAsync(await run.Client, service.Channel);

    [Fact]
    public async Task Health_FromNode_IsCheckedAndWatched() => GrpcChecks.AssertHealth(await run.Client);

    /// <summary>One run of the client for all tests of the class, started by the first.</summary>
    public sealed class Run(InteropService service)
    {
        private readonly Lazy<Task<ForeignClient>> _client = new(() => NodeScript.RunAsync(
            "grpc.mjs", service.Target, Path.Combine(SharedFolder.Root, "protos"),
            Path.Combine(SharedFolder.Root, "tests", "Interop.Tests", "protos"), InteropService.Generator, InteropService.Classifier,
            InteropService.Prompt, InteropService.Seed.ToString(CultureInfo.InvariantCulture), InteropService.Tokens.ToString(CultureInfo.InvariantCulture)));

        /// <summary>What it saw.</summary>
        internal Task<ForeignClient> Client => _client.Value;
    }
}
