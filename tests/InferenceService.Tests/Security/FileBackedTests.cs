using System.Globalization;
using System.Text;
using Rudder.InferenceService.Security;

namespace Rudder.InferenceService.Tests.Security;

public sealed class FileBackedTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();
    private readonly DateTimeOffset _now = TimeProvider.System.GetUtcNow();

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void Reload_SameContent_DoesNothing()
    {
        var file = Open("one");

        File.WriteAllText(_path, "one");

        Assert.False(file.Reload(_now, out string? fault));
        Assert.Null(fault);
        Assert.Equal("one", file.Current);
    }

    [Fact]
    public void Reload_NewContent_SwapsOnce()
    {
        var file = Open("one");

        File.WriteAllText(_path, "two");

        Assert.True(file.Reload(_now, out _));
        Assert.False(file.Reload(_now, out _));
        Assert.Equal("two", file.Current);
    }

    [Fact]
    public void Reload_FaultyContent_KeepsTheOldAndTellsEachChangeOnce()
    {
        var file = Open("one");

        File.WriteAllText(_path, "bad 1");
        Assert.Equal((false, "no: bad 1"), Look(file));
        Assert.Equal((false, (string?)null), Look(file));
        File.WriteAllText(_path, "bad 2");
        Assert.Equal((false, "no: bad 2"), Look(file));
        Assert.Equal("one", file.Current);

        File.WriteAllText(_path, "one");
        Assert.Equal((true, (string?)null), Look(file));
    }

    [Fact]
    public void Reload_FileGone_KeepsTheOldAndTellsOnce()
    {
        var file = Open("one");

        File.Delete(_path);
        Assert.Contains("cannot be read", Look(file).Fault);
        Assert.Equal((false, (string?)null), Look(file));
        Assert.Equal("one", file.Current);

        File.WriteAllText(_path, "two");
        Assert.Equal((true, (string?)null), Look(file));
        Assert.Equal("two", file.Current);
    }

    [Fact]
    public void Reload_ContentThatOnlyTheTimeMakesUsable_IsTakenWhenItIs()
    {
        File.WriteAllText(_path, "0");
        var file = new FileBacked<string>([_path], (bytes, now) => NotBefore(Encoding.UTF8.GetString(bytes[0]), now), _now);

        File.WriteAllText(_path, "5");                       // minutes from now
        Assert.False(file.Reload(_now, out string? first));
        Assert.False(file.Reload(_now.AddMinutes(4), out string? second));
        Assert.Equal(("early", (string?)null, "0"), (first, second, file.Current));

        Assert.True(file.Reload(_now.AddMinutes(5), out _));
        Assert.Equal("5", file.Current);
    }

    private string NotBefore(string minutes, DateTimeOffset now) =>
        now < _now.AddMinutes(int.Parse(minutes, CultureInfo.InvariantCulture)) ? throw new SecurityFileException("early") : minutes;

    private FileBacked<string> Open(string content)
    {
        File.WriteAllText(_path, content);
        return new FileBacked<string>([_path], (bytes, _) => Parse(Encoding.UTF8.GetString(bytes[0])), _now);
    }

    private (bool Swapped, string? Fault) Look(FileBacked<string> file)
    {
        bool swapped = file.Reload(_now, out string? fault);
        return (swapped, fault);
    }

    private static string Parse(string text) =>
        text.StartsWith("bad", StringComparison.Ordinal) ? throw new SecurityFileException($"no: {text}") : text;
}
