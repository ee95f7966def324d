namespace Rudder.Terminal.Tests;

public sealed class ExitCodesTests : IDisposable
{
    private readonly StringWriter _written = new();

    public static TheoryData<Exception, int, string> Failures => new()
    {
        { new BadInputException("beta is 0"), 2, "error: beta is 0" },
        { new WorkFailedException("the trainer ended"), 3, "error: the trainer ended" },
        { new InterruptedException("stopped after step 3"), 130, "stopped after step 3" },
        { new FileNotFoundException("no file"), 2, "error: no file" },
        { new IOException("the disk is full"), 3, "error: the disk is full" },
        { new TimeoutException("of this program"), 4, "error: of this program" },
    };

    public void Dispose() => _written.Dispose();

    [Theory]
    [MemberData(nameof(Failures), DisableDiscoveryEnumeration = true)]
    public async Task Run_ExpectedFailure_IsOneLineAndItsCode(Exception failure, int code, string line)
    {
        Assert.Equal(code, await RunAsync(() => throw failure));
        Assert.Equal(line, _written.ToString().TrimEnd());
    }

    [Theory]
    [InlineData(typeof(FormatException))] // a mistake of this program, not of its user
    [InlineData(typeof(InvalidOperationException))]
    public async Task Run_UnexpectedFailure_IsShownWithItsStack(Type type)
    {
        Assert.Equal(3, await RunAsync(() => throw (Exception)Activator.CreateInstance(type)!));
        Assert.Contains(type.Name, _written.ToString(), StringComparison.Ordinal);
        Assert.Contains(nameof(Run_UnexpectedFailure_IsShownWithItsStack), _written.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_Success_IsSilentAndDone()
    {
        Assert.Equal(0, await RunAsync(() => Task.CompletedTask));
        Assert.Equal("", _written.ToString());
    }

    private Task<int> RunAsync(Func<Task> work) =>
        ExitCodes.RunAsync(work, new Display(_written, terminal: false, TimeProvider.System), failure => failure is TimeoutException ? 4 : ExitCodes.CodeOf(failure));
}
