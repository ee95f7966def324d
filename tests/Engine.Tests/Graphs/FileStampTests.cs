using Rudder.Engine.Graphs;

namespace Rudder.Engine.Tests.Graphs;

public sealed class FileStampTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("rudder-stamp-").FullName;

    private string SamplePath => Path.Combine(_folder, "one");

    public FileStampTests() => File.WriteAllText(SamplePath, "12345");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Of_File_HasItsLengthAndTimes()
    {
        var time = new DateTime(2026, 3, 4, 5, 6, 7, 890, DateTimeKind.Utc);
        File.SetLastWriteTimeUtc(SamplePath, time);

        var stamp = FileStamp.Of(SamplePath);

        Assert.Equal((5, time), (stamp.Length, stamp.Written));
        Assert.NotEqual(time, stamp.Changed);                // setting a time is a change of its own
        Assert.Equal(stamp, FileStamp.Of(SamplePath));
    }

    [Fact]
    public void Of_FileOfTheSameLengthAndTime_IsAnother()
    {
        string other = Path.Combine(_folder, "two");
        File.WriteAllText(other, "54321");
        File.SetLastWriteTimeUtc(other, File.GetLastWriteTimeUtc(SamplePath));

        Assert.NotEqual(FileStamp.Of(SamplePath).Number, FileStamp.Of(other).Number);
    }

    [Fact]
    public void Of_Link_IsTheStampOfItsTarget()
    {
        string link = Path.Combine(_folder, "link");
        File.CreateSymbolicLink(link, "one");

        Assert.Equal(FileStamp.Of(SamplePath), FileStamp.Of(link));
    }

    [Fact]
    public void Of_Nothing_Throws() => Assert.Throws<FileNotFoundException>(() => FileStamp.Of(Path.Combine(_folder, "nothing")));
}
