using Rudder.Trainer.Data;

namespace Rudder.Trainer.Tests.Data;

public sealed class ReferenceCacheTests : IDisposable
{
    private static readonly float[] Values = [-1.5f, -2.25f, -300f];
    private readonly string _folder = Directory.CreateTempSubdirectory("rudder-cache").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void TryRead_NoFile_GivesNothingAndNoMessage()
    {
        Assert.Null(Cache().TryRead(3, out string? problem));
        Assert.Null(problem);
    }

    [Fact]
    public void TryRead_AfterWrite_GivesTheValues()
    {
        Cache().Write(Values);
        Assert.Equal(Values, Cache().TryRead(3, out string? problem));
        Assert.Null(problem);
        Assert.Single(Directory.GetFiles(_folder)); // no temporary file stays
    }

    [Fact]
    public void File_OtherReferenceOrSequences_IsAnother()
    {
        Assert.NotEqual(Cache().File, new ReferenceCache(_folder, "other", "sequences").File);
        Assert.NotEqual(Cache().File, new ReferenceCache(_folder, "reference", "other").File);
    }

    [Theory]
    [InlineData(0)] // magic
    [InlineData(10)] // key
    [InlineData(48)] // a value
    [InlineData(-1)] // checksum
    public void TryRead_OneBitFlipped_IsRefusedWithAMessage(int index)
    {
        ReferenceCache cache = Cache();
        cache.Write(Values);
        byte[] bytes = File.ReadAllBytes(cache.File);
        bytes[index < 0 ? bytes.Length - 1 : index] ^= 1;
        File.WriteAllBytes(cache.File, bytes);
        Assert.Null(cache.TryRead(3, out string? problem));
        Assert.Contains(cache.File, problem, StringComparison.Ordinal);
    }

    [Fact]
    public void TryRead_Truncated_IsRefusedWithAMessage()
    {
        ReferenceCache cache = Cache();
        cache.Write(Values);
        File.WriteAllBytes(cache.File, File.ReadAllBytes(cache.File)[..^5]);
        Assert.Null(cache.TryRead(3, out string? problem));
        Assert.Contains("bytes", problem, StringComparison.Ordinal);
    }

    private ReferenceCache Cache() => new(_folder, "reference", "sequences");
}
