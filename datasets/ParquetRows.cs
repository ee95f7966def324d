using System.Text.Json;
using System.Text.Json.Serialization;
using Parquet;
using Parquet.Serialization;

namespace Rudder.Datasets;

/// <summary>Streams the rows of a Parquet file, one row group after the other.</summary>
internal static class ParquetRows
{
    private static readonly JsonSerializerOptions Values = new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    /// <summary>Number of each row, from 1, and its values by column.</summary>
    public static IEnumerable<(int Number, JsonRow Row)> Read(string path, RowSettings settings)
    {
        if (TextLines.IsPacked(path))
        {
            throw new DatasetException($"{path}: Parquet files are packed inside, and are read only as they are. Unpack the file first.");
        }

        using Stream file = TextLines.OpenFile(path);
        int groups = Guard(path, async () =>
        {
            await using ParquetReader reader = await ParquetReader.CreateAsync(file, leaveStreamOpen: true);
            return reader.RowGroupCount;
        });
        int number = 0;
        for (int group = 0; group < groups; group++)
        {
            IList<Dictionary<string, object>> rows = Guard(path, async () =>
                (await ParquetSerializer.DeserializeUntypedAsync(file, new ParquetOptions { TreatByteArrayAsString = true }, group)).Data);
            foreach (Dictionary<string, object> row in rows)
            {
                number++;
                yield return (number, new JsonRow($"{path}:{number}", JsonSerializer.SerializeToElement(row, Values), settings, "column"));
            }
        }
    }

    /// <summary>Parquet.Net lets through what its decoders throw at a damaged file.</summary>
    private static T Guard<T>(string path, Func<Task<T>> read)
    {
        try
        {
            return read().GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw new DatasetException($"{path}: reading stopped ({e.Message}). The file is damaged, truncated or not Parquet; fetch it again.", e);
        }
    }
}
