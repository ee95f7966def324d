namespace Rudder.Interop.Tests;

/// <summary>Debian's python3-grpcio against every method.</summary>
public sealed class PythonClientTests(PythonClient python, InteropService service) : IClassFixture<PythonClient>
{
    [Fact]
    public Task Sampling_FromPython_GivesOurTokens() => GrpcChecks.AssertSamplingAsync(python.Client, service);

    [Fact]
    public void DeadlineAndCancellation_FromPython_EndCalls() => GrpcChecks.AssertEnds(python.Client);

    [Fact]
    public void Errors_FromPython_HaveTheirStatus() => GrpcChecks.AssertErrors(python.Client);

    [Fact]
    public Task Models_FromPython_AreListedLoadedAndUsed() => GrpcChecks.AssertModelsAsync(python.Client, service, "second-python");

    [Fact]
    public Task Scoring_FromPython_GivesOurNumbers() => GrpcChecks.AssertScoringAsync(python.Client, service.Channel);

    [Fact]
    public void Health_FromPython_IsCheckedAndWatched() => GrpcChecks.AssertHealth(python.Client);
}
