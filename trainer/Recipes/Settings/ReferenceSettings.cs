using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>The reference of a preference run: where it starts, and whether it follows the policy (TR-DPO).</summary>
internal sealed record ReferenceSettings
{
    public string? Folder { get; init; }
    [Range(0, 100_000_000)] public int SyncEvery { get; init; }
    [Range(0, 1.0, MinimumIsExclusive = true)] public double Mixup { get; init; } = 1;

    /// <summary>Refuses a setting that nothing would read.</summary>
    /// <param name="path">The recipe file, for messages.</param>
    public void Check(string path)
    {
        if (Mixup != 1 && SyncEvery == 0)
        {
            throw new BadInputException(FormattableString.Invariant(
                $"{path}: reference.mixup is {Mixup}, but reference.sync_every is 0, so the reference never moves. Give it, or leave mixup out."));
        }
    }

    public override string ToString() => Folder ?? FormattableString.Invariant($"synchronised every {SyncEvery} steps");
}

/// <summary>Reads a reference as <c>"FOLDER"</c>, or as an object of <see cref="ReferenceSettings"/>.</summary>
internal sealed class ReferenceConverter : JsonConverter<ReferenceSettings>
{
    public override ReferenceSettings? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String
            ? new ReferenceSettings { Folder = reader.GetString() }
            : JsonSerializer.Deserialize<ReferenceSettings>(ref reader, options);

    public override void Write(Utf8JsonWriter writer, ReferenceSettings value, JsonSerializerOptions options)
    {
        if (value is { Folder: string folder, SyncEvery: 0 })
        {
            writer.WriteStringValue(folder);
            return;
        }

        JsonSerializer.Serialize(writer, value, options);
    }
}
