using System.Globalization;
using Rudder.Tests;

namespace Rudder.Interop.Tests;

/// <summary>npm's @grpc/grpc-js against every method.</summary>
public sealed class NodeGrpcTests(NodeGrpcTests.Run run, InteropService service) : IClassFixture<NodeGrpcTests.Run>
{
    [Fact]
    public Task Sampling_FromNode_GivesOurTokens() => GrpcChecks.AssertSamplingAsync(run.Client, service);

    [Fact]
    public void DeadlineAndCancellation_FromNode_EndCalls() => GrpcChecks.AssertEnds(run.Client);

    [Fact]
    public void Errors_FromNode_HaveTheirStatus() => GrpcChecks.AssertErrors(run.Client);

    [Fact]
    public Task Models_FromNode_AreListedLoadedAndUsed() => GrpcChecks.AssertModelsAsync(run.Client, service, "second-node");

    [Fact]
    public Task Scoring_FromNode_GivesOurNumbers() => GrpcChecks.AssertScoringAsync(run.Client, service.Channel);

    [Fact]
    public void Health_FromNode_IsCheckedAndWatched() => GrpcChecks.AssertHealth(run.Client);

    /// <summary>One run of the client for all tests.</summary>
    public sealed class Run(InteropService service) : IAsyncLifetime
    {
        /// <summary>What it saw.</summary>
        internal ForeignClient Client { get; private set; } = null!;

        /// <inheritdoc/>
        public async ValueTask InitializeAsync() => Client = await NodeScript.RunAsync(
            "grpc.mjs", service.Target, Path.Combine(SharedFolder.Root, "protos"),
            Path.Combine(SharedFolder.Root, "tests", "Interop.Tests", "protos"), InteropService.Generator, InteropService.Classifier,
            InteropService.Prompt, InteropService.Seed.ToString(CultureInfo.InvariantCulture), InteropService.Tokens.ToString(CultureInfo.InvariantCulture));

        /// <inheritdoc/>
        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
