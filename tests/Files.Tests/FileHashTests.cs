namespace Rudder.Files.Tests;

public sealed class FileHashTests
{
    [Fact]
    public void Sha256_KnownContent_IsTheKnownHash()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("abc"), "abc");
        Assert.Equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", FileHash.Sha256(folder.File("abc"))); // FIPS 180-2, B.1
    }
}
